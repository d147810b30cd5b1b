// Validation of cached manifests. A cached value may be damaged, of another version, or from an untrusted writer. A new
// record is made of the checked parts only, so that nothing else comes along.
import { isObject, listOf } from '../../cache/values/stored-json.ts';
import { type BaseInputs, FINGERPRINT_SCHEMA, type InputSnapshot } from './fingerprint.ts';

// Far more than any build reads; a list can claim to be longer than there is memory.
const MAX_INPUTS = 200_000;
const MAX_STATES = 64;
// Characters of JSON: the largest base that makes sense is a hundredth of it.
const MAX_BASE = 1024 * 1024;

/** The inputs that earlier builds of one base read. */
export interface Manifest {
  schema: number;
  /** Newest first. An edit and its undo are two candidates. */
  candidates: InputSnapshot[];
  /** Time of writing, in milliseconds since the epoch. */
  stored: number;
  /**
   * The paths behind each candidate's `declared` digest, to explain which file is new. JSON text, because only an
   * explanation reads it.
   */
  names: [digest: string, paths: string][];
}

/** The manifest, or undefined if the value is not one. */
export function asManifest(value: unknown): Manifest | undefined {
  if (!isObject(value) || value.schema !== FINGERPRINT_SCHEMA || typeof value.stored !== 'number')
    return undefined;
  const candidates = listOf(value.candidates, asSnapshot, MAX_STATES);
  const names = listOf(value.names, asNames, MAX_STATES);
  return candidates && names && { schema: value.schema, candidates, stored: value.stored, names };
}

/** The snapshot of a build's inputs, or undefined if the value is not one. */
export function asSnapshot(value: unknown): InputSnapshot | undefined {
  if (!isObject(value)) return undefined;
  const { declared } = value;
  const files = listOf(value.files, asTexts, MAX_INPUTS);
  const directories = listOf(value.directories, asTexts, MAX_INPUTS);
  const absent = listOf(value.absent, asPath, MAX_INPUTS);
  if (!files || !directories || !absent || (declared !== undefined && typeof declared !== 'string'))
    return undefined;
  return { files, directories, absent, declared };
}

/** The base of a build, or undefined if the value is not one. Plain data, without cycles. */
export function asBase(value: unknown): BaseInputs | undefined {
  let base: unknown;
  try {
    const json = JSON.stringify(value);
    if (json.length > MAX_BASE) return undefined;
    base = JSON.parse(json);
  } catch {
    // Too deep, cyclic, or with numbers that JSON does not have.
    return undefined;
  }
  const isBase =
    isObject(base) &&
    typeof base.schema === 'number' &&
    typeof base.kind === 'string' &&
    isObject(base.target) &&
    isObject(base.toolchain);
  return isBase ? (base as unknown as BaseInputs) : undefined;
}

/** The paths that are kept as text for explanations, or undefined if the text is not a list of paths. */
export function asPaths(text: string): string[] | undefined {
  try {
    return listOf(JSON.parse(text), asPath, MAX_INPUTS);
  } catch {
    return undefined;
  }
}

function asNames(value: unknown): [string, string] | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [digest, paths] = value;
  return typeof digest === 'string' && typeof paths === 'string' ? [digest, paths] : undefined;
}

function asTexts(value: unknown): [string, string] | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const path = asPath(value[0]);
  return path !== undefined && typeof value[1] === 'string' ? [path, value[1]] : undefined;
}

function asPath(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && !value.includes('\0') ? value : undefined;
}
