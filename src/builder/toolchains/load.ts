// Loader of one toolchain that leaves the code of the others unloaded: a build with its own compiler needs nothing of
// Zephyr.
import type { ToolchainDescription } from './index.ts';
import type { ToolchainResources } from './resources.ts';
import type { Toolchain } from './toolchain.ts';

/** Makes the toolchain, as `createToolchain` does. Rejects with its errors. */
export async function loadToolchain(
  description: ToolchainDescription,
  resources?: ToolchainResources,
): Promise<Toolchain> {
  if (description.kind === 'command') {
    const { createCommandToolchain } = await import('./command.ts');
    return createCommandToolchain(description);
  }
  const { createToolchain } = await import('./index.ts');
  return createToolchain(description, resources);
}
