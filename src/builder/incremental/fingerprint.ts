// Everything that can change a target's output, by name; and the digest of it, by which its firmware is kept.
import { cacheKey, type KeyPart } from '../../cache/keys.ts';
import type { Target } from '../matrix/target.ts';
import type { Toolchain } from '../toolchains/toolchain.ts';

/** Raised when the meaning of a fingerprint changes, so that nothing stored under the older meaning is found again. */
export const FINGERPRINT_SCHEMA = 4;

/** What is known of a build before any file is read. Its digest finds the inputs that earlier builds observed. */
export interface BaseInputs {
  /** Fingerprints of another meaning are other fingerprints. */
  schema: number;
  /** Two toolchains make different firmware of the same files, even when their identities look the same. */
  kind: Toolchain['kind'];
  /** Board, shield, snippet and arguments choose what is compiled; the artifact name reaches the compiler too. */
  target: Target;
  /** Program, arguments, version and environment of the compiler: a new compiler makes new firmware of old files. */
  toolchain: Record<string, unknown>;
}

/**
 * What a build read. Paths are written as `PathBase` has it, so that a checkout that moved, a second one, and one on
 * another machine find the firmware too. All lists are sorted by path.
 */
export interface InputSnapshot {
  /** Every file that was read with the SHA-256 of its content: an edit changes the output, touching does not. */
  files: [path: string, sha256: string][];
  /** Every directory whose listing mattered, with the digest of it: a new file may now be picked up. */
  directories: [path: string, digest: string][];
  /** What was looked for and not there: making it may change the output. */
  absent: string[];
  /**
   * The digest of all declared inputs' paths. Part of it when the toolchain does not say which directories and absent
   * files mattered: then any file that comes or goes counts.
   */
  declared: string | undefined;
}

/** The key under which what is known about builds of this base is kept. */
export function baseDigest(base: BaseInputs): Promise<string> {
  return cacheKey('base', base as unknown as KeyPart);
}

/** The digest of everything that can change a target's output. Derived from what was checked, never itself stored and trusted. */
export function fingerprint(base: string, inputs: InputSnapshot): Promise<string> {
  return cacheKey('fingerprint', base, inputs as unknown as KeyPart);
}

/** What two builds must agree on to be the same work: the base, and every declared input whether it will be read or not. */
export function leaseDigest(base: string, declared: InputSnapshot): Promise<string> {
  return cacheKey('lease', base, declared as unknown as KeyPart);
}
