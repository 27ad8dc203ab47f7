import { Device } from './device.ts';
import { probeProviders, problemOf, requireWorking } from './probe.ts';
import { type DeviceName, fastest, unavailable } from './provider.ts';

/**
 * Opens the device that is asked for; `auto` tries what there is and says why it chose (`device.choice.reason`).
 *
 * @throws ConfigError if it does not work here, with the way out.
 */
export async function openDevice({
  device: name = 'cpu',
  threads,
}: {
  readonly device?: DeviceName | undefined;
  readonly threads?: number | undefined;
} = {}): Promise<Device> {
  const choice = name === 'auto' ? fastest(await probeProviders(threads)) : { provider: name };
  const device = new Device({ choice, ...(threads === undefined ? {} : { threads }) });
  // The processor always works; a GPU may not, and that should be said before hours of preparation.
  if (choice.provider === 'cpu') return device;
  try {
    await requireWorking(device);
    return device;
  } catch (error) {
    await device.close();
    throw unavailable(choice.provider, problemOf(error));
  }
}
