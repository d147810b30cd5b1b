// What is in a cache may be anything: damaged, of another version, or put there by somebody else. Here it is taken for a
// record only if it is one, and a new one is made of the parts that were looked at, so that nothing else comes along.
import { isObject, listOf } from '../../cache/values/stored-json.ts';
import { type BaseInputs, FINGERPRINT_SCHEMA, type InputSnapshot } from './fingerprint.ts';

// Far more than any build reads; a list can claim to be longer than there is memory.
const MAX_INPUTS = 200_000;
const MAX_STATES = 64;
// Characters of JSON: the largest base that makes sense is a hundredth of it.
const MAX_BASE = 1024 * 1024;

/** What earlier builds of one base read. */
export interface Manifest {
  schema: number;
  /** The newest first. An edit and its undo are two candidates. */
  candidates: InputSnapshot[];
  /** When it was written, in milliseconds since the epoch. */
  stored: number;
  /**
   * The paths behind each candidate's `declared` digest, to say which file is new: a JSON array, as text, because only
   * an explanation reads it.
   */
  names: [digest: string, paths: string][];
}

/** The manifest, or undefined when it is none. */
export function asManifest(value: unknown): Manifest | undefined {
  if (!isObject(value) || value.schema !== FINGERPRINT_SCHEMA || typeof value.stored !== 'number')
    return undefined;
  const candidates = listOf(value.candidates, asSnapshot, MAX_STATES);
  const names = listOf(value.names, asNames, MAX_STATES);
  return candidates && names && { schema: value.schema, candidates, stored: value.stored, names };
}

/** The picture of a build's inputs, or undefined when it is none. */
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

/** The base of a build, or undefined when it is none. Plain data, without cycles. */
export function asBase(value: unknown): BaseInputs | undefined {
  let base: unknown;
  try {
    const json = JSON.stringify(value);
    if (json.length > MAX_BASE) return undefined;
    base = JSON.parse(json);
  } catch {
    // Too deep, in a circle, or with numbers that JSON has not.
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

/** The paths that are kept as text for explanations, or undefined when they are none. */
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
