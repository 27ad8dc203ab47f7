import type { Task } from '../../core/task.ts';
import type { TableOptions } from './table.ts';

/** A file of a source: where it belongs, and where it comes from. */
export interface SourceFile {
  /** Relative to the folder that holds the data. */
  readonly path: string;
  /** Absent only where {@link Source.access} keeps the file from being known. */
  readonly sha256?: string | undefined;
  /** Absent when emotune ships the file, or nobody may fetch it without asking. */
  readonly url?: string;
}

/** A dataset that emotune knows by name. */
export interface Source {
  readonly name: string;
  readonly title: string;
  readonly licence: string;
  /** Whom to cite, in one line. */
  readonly citation: string;
  /** Where a reader finds it, and how its files are made. */
  readonly home: string;
  /** Only where the terms forbid fetching, or nobody says that they allow it: whom to ask and how, such as `ask its authors with the form at https://…`. */
  readonly access?: { readonly ask: string };
  /** Its name on the Hub, where it is there: for model cards. */
  readonly hubName?: string;
  /** Of the texts, as ISO 639-1 code. */
  readonly language: string;
  readonly defaultTask: Task;
  /** What it can be read as, and the labels it then has, in order. */
  readonly labels: Readonly<Partial<Record<Task, readonly string[]>>>;
  /** The folder that holds {@link files}, given the folder of third-party data. */
  folder(dataDir: string): string;
  readonly files: readonly SourceFile[];
  /**
   * Where its rows are, and how to read them.
   *
   * @throws DataError if a file is missing, or not the one it should be.
   */
  table(options: SourceOptions): Promise<TableOptions>;
}

export interface SourceOptions {
  /** One that the source has labels for. */
  readonly task: Task;
  /** Where third-party data lies. */
  readonly dataDir: string;
}
