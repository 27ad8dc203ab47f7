import type { PlannedRun } from '../../train/plan.ts';
import { estimateTable, fetchRows } from './train-estimate.ts';
import { trainHeader, type ViewOptions } from './train-header.ts';

/** The head of the run as it would be, and what it takes. */
export function dryRunReport({ estimate, bytesToFetch, ...plan }: PlannedRun, options: ViewOptions): string[] {
  return [...trainHeader(plan, options), '', ...estimateTable(estimate), ...fetchRows(bytesToFetch)];
}
