/**
 * A GPU in software, so that what runs on WebGPU is tested on machines without a GPU: SwiftShader, which comes with Debian's
 * chromium, and the loader of Vulkan drivers.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const driver = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Makes WebGPU use SwiftShader, unless a driver is named already; installs it where root may. Without it those tests skip. */
export function useSoftwareDriver() {
  if (process.env.VK_ICD_FILENAMES !== undefined || process.platform !== 'linux') return;
  if (!existsSync(driver) && process.getuid() === 0) install();
  if (existsSync(driver)) process.env.VK_ICD_FILENAMES = driver;
  else console.log('No driver for WebGPU (packages chromium and libvulkan1 of Debian): its tests are skipped');
}

function install() {
  console.log("Installing WebGPU's driver in software (apt-get install chromium libvulkan1) …");
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) =>
    spawnSync('apt-get', ['-qq', ...args], { env, stdio: 'ignore', timeout: 300_000 }).status === 0;
  const packages = ['install', '-y', '--no-install-recommends', 'chromium', 'libvulkan1'];
  if (!apt(...packages) && apt('update')) apt(...packages);
}
