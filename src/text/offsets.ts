/** From positions counted in code points, as tokenizers give them, to JavaScript's UTF-16 code units. */

/** Entry i is where code point i of `text` starts in code units; the entry after the last is the text's length. */
export function codeUnitOffsets(text: string): readonly number[] {
  const offsets = [0];
  let at = 0;
  for (const codePoint of text) {
    at += codePoint.length;
    offsets.push(at);
  }
  return offsets;
}
