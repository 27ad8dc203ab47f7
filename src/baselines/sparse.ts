/** A matrix of few values that are not zero, row by row: those of row i lie from `starts[i]` up to `starts[i + 1]`. */
export interface SparseMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly starts: Uint32Array;
  /** Columns of the values, ascending in each row. */
  readonly indices: Uint32Array;
  readonly values: Float64Array;
}

/** The columns of a matrix as rows. Twice, it sorts the columns of every row. Shapes: [N, D] → [D, N] */
export function transpose({ rows, columns, starts, indices, values }: SparseMatrix): SparseMatrix {
  const ends = new Uint32Array(columns + 1);
  for (const column of indices) ends[column + 1]!++;
  for (let column = 0; column < columns; column++) ends[column + 1]! += ends[column]!;
  const next = ends.slice();
  const flipped = new Uint32Array(indices.length);
  const moved = new Float64Array(indices.length);
  for (let row = 0; row < rows; row++)
    for (let at = starts[row]!; at < starts[row + 1]!; at++) {
      const to = next[indices[at]!]!++;
      flipped[to] = row;
      moved[to] = values[at]!;
    }
  return { rows: columns, columns: rows, starts: ends, indices: flipped, values: moved };
}

/** A matrix from rows that are written out, for tests and small things. Shapes: [N, D] */
export function sparse(rows: readonly (readonly number[])[], columns = rows[0]?.length ?? 0): SparseMatrix {
  const entries = rows.map((row) => row.flatMap((value, column) => (value === 0 ? [] : [{ value, column }])));
  const starts = new Uint32Array(rows.length + 1);
  entries.forEach((row, i) => {
    starts[i + 1] = starts[i]! + row.length;
  });
  const flat = entries.flat();
  return {
    rows: rows.length,
    columns,
    starts,
    indices: Uint32Array.from(flat, ({ column }) => column),
    values: Float64Array.from(flat, ({ value }) => value),
  };
}
