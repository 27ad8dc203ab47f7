import type { Command } from 'commander';
import type { EngineInfo } from '../runtime/info.ts';
import { inspectMachine, type Machine } from '../runtime/machine.ts';
import { type DeviceName, describe, type Provider, type ProviderState } from '../runtime/provider.ts';
import type { MachineSpeed } from '../runtime/speed.ts';
import { trainSchema } from '../train/config.ts';
import { makeCommand } from './command.ts';
import { addFlags, valuesFrom } from './flags.ts';
import { printLines } from './output.ts';
import { formatBytes } from './view/quantities.ts';

/** A base that comes with emotune, or why it cannot be used. */
type BaseState = { readonly folder: string } & ({ readonly fingerprint: string } | { readonly problem: string });

interface Diagnosis {
  readonly machine: Machine;
  readonly engine: EngineInfo;
  /** What can compute here, and what cannot and why. */
  readonly devices: readonly ProviderState[];
  readonly base: BaseState;
  /** What the speed was measured on. */
  readonly device: Provider;
  readonly gemmFlopsPerSecond: number;
  readonly speed: MachineSpeed;
}

const shape = { device: trainSchema.shape.device };

export function doctorCommand(): Command {
  const command = makeCommand('doctor', {
    summary: 'what this computer offers, and whether emotune works on it',
    description:
      'Look at this computer: processor, memory, the engine and the devices it can run on, the model that comes with ' +
      'emotune, and the speed of a device. Good to have in a bug report.',
    examples: [['emotune doctor --json', 'for a program, or a bug report']],
  });
  return addFlags(command, shape)
    .option('--json', 'as JSON')
    .action(async (given: Readonly<Record<string, unknown>>) => {
      const diagnosis = await diagnose(valuesFrom(shape, given).device);
      await printLines(given.json ? [JSON.stringify(diagnosis)] : report(diagnosis));
    });
}

async function diagnose(name: DeviceName | undefined): Promise<Diagnosis> {
  const [{ engineInfo }, { probeProviders }, { gemmFlopsPerSecond }] = await Promise.all([
    import('../runtime/info.ts'),
    import('../runtime/probe.ts'),
    import('../runtime/speed.ts'),
  ]);
  const { device, speed } = await engineSpeed(name);
  return {
    machine: inspectMachine(),
    engine: engineInfo(),
    devices: await probeProviders(),
    base: await inspectBase('nano'),
    device,
    gemmFlopsPerSecond: gemmFlopsPerSecond(speed),
    speed,
  };
}

async function engineSpeed(name: DeviceName | undefined): Promise<Pick<Diagnosis, 'device' | 'speed'>> {
  const [{ openDevice }, { measureSpeed }] = await Promise.all([
    import('../runtime/open-device.ts'),
    import('../runtime/speed.ts'),
  ]);
  const device = await openDevice({ device: name });
  try {
    return { device: device.choice.provider, speed: await measureSpeed(device) };
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

function report({ machine, engine, devices, base, device, gemmFlopsPerSecond, speed }: Diagnosis): string[] {
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
    ...devices.map((state, i) => [i === 0 ? 'devices' : '', describe(state)] as const),
    ['base nano', 'problem' in base ? `cannot be used: ${base.problem}` : `here, fingerprint ${base.fingerprint}`],
    [
      'speed',
      `${(gemmFlopsPerSecond / 1e9).toFixed(0)} GFLOP/s in a float32 matrix product, ${formatBytes(speed.passBytesPerSecond)}/s of memory on ${device} (an indication)`,
    ],
  ] as const;
  return facts.map(([name, text]) => `${name.padEnd(14)}${text}`);
}
