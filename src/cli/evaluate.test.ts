import { expect, it } from 'vitest';
import type { Task } from '../core/task.ts';
import { checkLabels } from './evaluate.ts';

const check = (task: Task, own: readonly string[], model: readonly string[]): void =>
  checkLabels({ task, labels: model }, { name: 'posts', task, labels: own });

it('takes labels in another order, and classes that no text has', () => {
  check('regression', ['A', 'V'], ['V', 'A']);
  check('single_label_classification', ['joy', 'fear'], ['fear', 'anger', 'joy']);
});

it('refuses labels that the model does not know', () =>
  expect(() => check('multi_label_classification', ['awe', 'joy'], ['joy', 'fear'])).toThrow(
    'posts holds labels that the model does not know: awe; it knows joy, fear',
  ));

it('refuses data without a value that the model predicts', () =>
  expect(() => check('regression', ['V'], ['V', 'A', 'D'])).toThrow(
    'posts has no A, D, which the model predicts: use data with all of V, A, D',
  ));

it('refuses data for another task', () =>
  expect(() =>
    checkLabels(
      { task: 'regression', labels: ['V'] },
      { name: 'posts', task: 'single_label_classification', labels: ['V'] },
    ),
  ).toThrow('posts is for single_label_classification, but the model does regression'));
