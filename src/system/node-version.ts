// Minimum Node version. Checked before the native binding is loaded, which would crash an older Node.
import { GloveboxError } from '../errors.ts';

const MINIMUM = [22, 20] as const;

/** Throws when this Node is too old, naming both versions. */
export function assertNodeVersion(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1])) return;
  throw new GloveboxError(
    'GLOVEBOX_NODE_TOO_OLD',
    `Glovebox needs Node ${MINIMUM.join('.')} or newer; this is Node ${version}. Install a current one from nodejs.org.`,
  );
}
