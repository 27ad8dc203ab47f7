import type { Command } from 'commander';
import type { EngineInfo } from '../runtime/info.ts';
import { inspectMachine, type Machine } from '../runtime/machine.ts';
import type { MachineSpeed } from '../runtime/speed.ts';
import { makeCommand } from './command.ts';
import { printLines } from './output.ts';
import { formatBytes } from './view/quantities.ts';

/** A base that comes with emotune, or why it cannot be used. */
type BaseState = { readonly folder: string } & ({ readonly fingerprint: string } | { readonly problem: string });

interface Diagnosis {
  readonly machine: Machine;
  readonly engine: EngineInfo;
  readonly base: BaseState;
  readonly gemmFlopsPerSecond: number;
  readonly speed: MachineSpeed;
}

export function doctorCommand(): Command {
  return makeCommand('doctor', {
    summary: 'what this computer offers, and whether emotune works on it',
    description:
      'Look at this computer: processor, memory, the engine and what it can run on, the model that comes with ' +
      'emotune, and the speed of a matrix product. Good to have in a bug report.',
    examples: [['emotune doctor --json', 'for a program, or a bug report']],
  })
    .option('--json', 'as JSON')
    .action(async (given: { readonly json?: boolean }) => {
      const diagnosis = await diagnose();
      await printLines(given.json ? [JSON.stringify(diagnosis)] : report(diagnosis));
    });
}

async function diagnose(): Promise<Diagnosis> {
  const [{ engineInfo }, { gemmFlopsPerSecond }] = await Promise.all([
    import('../runtime/info.ts'),
    import('../runtime/speed.ts'),
  ]);
  const speed = await engineSpeed();
  return {
    machine: inspectMachine(),
    engine: engineInfo(),
    base: await inspectBase('nano'),
    gemmFlopsPerSecond: gemmFlopsPerSecond(speed),
    speed,
  };
}

async function engineSpeed(): Promise<MachineSpeed> {
  const [{ Device }, { measureSpeed }] = await Promise.all([
    import('../runtime/device.ts'),
    import('../runtime/speed.ts'),
  ]);
  const device = new Device();
  try {
    return await measureSpeed(device);
  } finally {
    await device.close();
  }
}

async function inspectBase(name: string): Promise<BaseState> {
  const [{ openCheckpoint }, { baseFolder }] = await Promise.all([
    import('../checkpoint/checkpoint.ts'),
    import('../models/base.ts'),
  ]);
  const folder = baseFolder(name);
  try {
    return { folder, fingerprint: await (await openCheckpoint(folder)).fingerprint() };
  } catch (error) {
    return { folder, problem: (error as Error).message };
  }
}

function report({ machine, engine, base, gemmFlopsPerSecond, speed }: Diagnosis): string[] {
  const { memory } = machine;
  const providers = (bundled: boolean) =>
    engine.providers
      .filter((provider) => provider.bundled === bundled)
      .map(({ name }) => name)
      .join(', ');
  const limit = memory.limitBytes === undefined ? '' : `, limited to ${formatBytes(memory.limitBytes)} (control group)`;
  const facts = [
    ['node', machine.node],
    ['platform', machine.platform],
    ['processor', `${machine.cpu}, ${machine.cores} cores`],
    ['instructions', machine.instructions.join(' ') || 'not known on this platform'],
    ['memory', `${formatBytes(memory.totalBytes)}, ${formatBytes(memory.freeBytes)} free${limit}`],
    [
      'engine',
      `onnxruntime-node ${engine.version}: ${providers(true)}; with libraries of their own: ${providers(false)}`,
    ],
    ['base nano', 'problem' in base ? `cannot be used: ${base.problem}` : `here, fingerprint ${base.fingerprint}`],
    [
      'speed',
      `${(gemmFlopsPerSecond / 1e9).toFixed(0)} GFLOP/s in a float32 matrix product, ${formatBytes(speed.passBytesPerSecond)}/s of memory (an indication)`,
    ],
  ] as const;
  return facts.map(([name, text]) => `${name.padEnd(14)}${text}`);
}
