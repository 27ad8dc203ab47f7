/** The value that a text holds; broken JSON is no value, which a schema then refuses. */
export function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
