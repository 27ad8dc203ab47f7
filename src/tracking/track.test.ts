import { describe, expect, it } from 'vitest';
import { ConfigError } from '../core/errors.ts';
import { parseTrainConfig } from '../train/config.ts';
import type { TrainEvent } from '../train/events.ts';
import { openSinks } from './open.ts';
import type { Sink } from './sink.ts';
import { courseOf, done, stepEvent } from './testing/events.ts';
import { track } from './track.ts';

/** A sink that writes down what happens to it. */
function diary(entries: string[]): Sink {
  return {
    event: ({ type }) => void entries.push(type),
    close: async (ending) => void entries.push(`closed: ${ending}`),
  };
}

async function* from(events: readonly TrainEvent[], failure?: Error): AsyncGenerator<TrainEvent, void> {
  yield* events;
  if (failure) throw failure;
}

describe('track', () => {
  it('gives each event to every sink, then to the consumer', async () => {
    const entries: string[] = [];
    for await (const { type } of track(from([stepEvent(1), done('run')]), [diary(entries), diary(entries)]))
      entries.push(`seen ${type}`);
    const twice = (entry: string) => [entry, entry];
    expect(entries).toEqual([
      ...twice('step'),
      'seen step',
      ...twice('done'),
      'seen done',
      ...twice('closed: finished'),
    ]);
  });

  it('passes the events on unchanged', async () => {
    const seen: TrainEvent[] = [];
    for await (const event of track(from(courseOf('run')), [])) seen.push(event);
    expect(seen).toEqual(courseOf('run'));
  });

  it.each([
    ['is done', [done('run')], 'finished'],
    ['stops early', [done('run', 'early stopping')], 'finished'],
    ['is aborted', [done('run', 'aborted')], 'stopped'],
    ['ends without a word', [stepEvent(1)], 'stopped'],
  ] as const)('closes the sinks when the run %s', async (_, events, ending) => {
    const entries: string[] = [];
    for await (const _ of track(from(events), [diary(entries)]));
    expect(entries.at(-1)).toBe(`closed: ${ending}`);
  });

  it('closes the sinks when the run fails, and lets it fail', async () => {
    const entries: string[] = [];
    const following = (async () => {
      for await (const _ of track(from([stepEvent(1)], new Error('broken')), [diary(entries)]));
    })();
    await expect(following).rejects.toThrow('broken');
    expect(entries).toEqual(['step', 'closed: failed']);
  });

  it('ends the run and closes the sinks when the consumer stops listening', async () => {
    const entries: string[] = [];
    async function* run(): AsyncGenerator<TrainEvent, void> {
      try {
        yield* from(courseOf('run'));
      } finally {
        entries.push('run ended');
      }
    }
    for await (const _ of track(run(), [diary(entries)])) break;
    expect(entries).toEqual(['step', 'run ended', 'closed: stopped']);
  });
});

describe('the sinks of a configuration', () => {
  const open = (options: object) => openSinks(parseTrainConfig({ data: 'posts', ...options }));

  it('are none unless they are asked for', () => expect(open({})).toEqual([]));

  it('are those it names, each once', () =>
    expect(open({ track: ['mlflow', 'tensorboard', 'mlflow'], mlflowUri: 'http://localhost:5000' }).length).toBe(2));

  it('need the address of a server', () => {
    expect(() => open({ track: ['mlflow'] })).toThrow(ConfigError);
    expect(() => open({ track: ['mlflow'] })).toThrow('give mlflowUri, such as http://localhost:5000,');
  });
});
