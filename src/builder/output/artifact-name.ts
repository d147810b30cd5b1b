// Artifact names: the file names that stay inside the output directory on every system.
import { GloveboxError } from '../../errors.ts';

/** Prefix of Glovebox's own temporary entries in an output directory. */
export const STAGING_PREFIX = '.glovebox-';

const MAX_BYTES = 255;

// Windows reserves these names for devices, with any extension.
const DEVICE = /^(?:con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]|conin\$|conout\$)\s*(?:\.|$)/i;

/** An artifact name that cannot, or must not, be a file in the output directory. */
export class ArtifactNameError extends GloveboxError {
  constructor(name: string, why: string) {
    super(
      'GLOVEBOX_ARTIFACT_NAME',
      `The artifact name ${JSON.stringify(name.slice(0, 100))} ${why}. Use a plain file name, such as corne_left.uf2.`,
    );
  }
}

/** Throws {@link ArtifactNameError} unless `name` is a single plain file name on every system. */
export function assertArtifactName(name: string): void {
  const problem = problemOf(name);
  if (problem !== undefined) throw new ArtifactNameError(name, problem);
}

/** Folds names that are one file on a system that ignores case or Unicode normalization. */
export function foldName(name: string): string {
  // Upper case first: some letters share an upper case, but not a lower one.
  return name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
}

/** Whether Windows treats this name as a device, whatever its extension. */
export function isDeviceName(name: string): boolean {
  return DEVICE.test(name);
}

function problemOf(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return 'is not a file name';
  if (/[/\\]/.test(name)) return 'has a path separator';
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return 'has a control character';
  if (!name.isWellFormed()) return 'is not well-formed Unicode';
  if (Buffer.byteLength(name) > MAX_BYTES) return `is longer than ${MAX_BYTES} bytes`;
  if (/[:*?"<>|]/.test(name)) return `has a character that Windows does not allow`;
  if (/[. ]$/.test(name)) return 'ends with a dot or a space, which Windows drops';
  if (isDeviceName(name)) return 'is the name of a device on Windows';
  if (foldName(name).startsWith(STAGING_PREFIX)) return `begins with '${STAGING_PREFIX}'`;
  return undefined;
}
