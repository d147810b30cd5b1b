// Firmware cache: artifacts as files, and a record of each firmware, by fingerprint.
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Cache } from '../../cache/cache.ts';
import { parseText } from '../../cache/values/stored-json.ts';
import { WrongKindError } from '../../errors.ts';
import { hashFile } from '../../system/hash-file.ts';
import { assertArtifactName, foldName } from './artifact-name.ts';
import { asMemoryUse, type MemoryUse } from './memory-use.ts';

const RECORD_SCHEMA = 1;

// A damaged list can claim to be longer than there is memory.
const MAX_ARTIFACTS = 1_000;

// A record with more is rejected when it is read.
const MAX_WARNINGS = 100;

/** Record of one firmware. */
export interface FirmwareRecord {
  schema: number;
  artifacts: FirmwareArtifact[];
  /** Milliseconds that the compile took. */
  compileDuration: number;
  /** Time of storage, in milliseconds since the epoch. */
  created: number;
  /** Notes for the user, one sentence each. Absent if there are none. */
  warnings?: string[];
  /** Absent if the linker did not report it. */
  memory?: MemoryUse;
}

/** What is known about a firmware besides its files. */
export interface FirmwareFacts {
  /** Milliseconds that the compile took. */
  compileDuration: number;
  /** Notes for the user, one sentence each. Default: none. */
  warnings?: readonly string[];
  memory?: MemoryUse | undefined;
}

export interface FirmwareArtifact {
  /** The file's name. No path separators. */
  name: string;
  /** Bytes. */
  size: number;
  /** Of the content, in hexadecimal. */
  sha256: string;
}

/** Result of {@link FirmwareCacheService.restore}. */
export interface RestoredFirmware {
  record: FirmwareRecord;
  /** Absolute paths, in the record's order. */
  files: string[];
}

export interface FirmwareCacheOptions {
  /** The time in milliseconds since the epoch. Default: `Date.now`. */
  clock?: () => number;
}

/**
 * Stores firmware by fingerprint. A firmware exists with all of its artifacts or not at all: each artifact's key is its
 * content hash, and the record that refers to them is written last.
 */
export class FirmwareCacheService {
  readonly cache: Cache;
  readonly #clock: () => number;

  constructor(cache: Cache, { clock = Date.now }: FirmwareCacheOptions = {}) {
    this.cache = cache;
    this.#clock = clock;
  }

  /** The record of a firmware whose artifacts are all still stored, or undefined. Their contents are not read. */
  async find(fingerprint: string): Promise<FirmwareRecord | undefined> {
    const record = await this.#record(fingerprint);
    if (!record) return undefined;
    for (const artifact of record.artifacts) {
      if (!(await this.cache.has(artifactKey(fingerprint, artifact)))) return undefined;
    }
    return record;
  }

  /**
   * Stores the files as the firmware of `fingerprint`; resolves to whether all of it is stored. Rejects with
   * `ArtifactNameError` for an invalid name, and if a file cannot be read.
   */
  async store(
    fingerprint: string,
    files: readonly { name: string; path: string }[],
    { compileDuration, warnings = [], memory }: FirmwareFacts,
  ): Promise<boolean> {
    const artifacts: FirmwareArtifact[] = [];
    for (const file of files) {
      assertArtifactName(file.name);
      const artifact = {
        name: file.name,
        size: lstatSync(file.path).size,
        sha256: await hashFile(file.path),
      };
      if (!(await this.cache.putFile(artifactKey(fingerprint, artifact), file.path))) return false;
      artifacts.push(artifact);
    }
    const record: FirmwareRecord = {
      ...{ schema: RECORD_SCHEMA, artifacts, compileDuration, created: this.#clock() },
      ...(warnings.length === 0 ? {} : { warnings: warnings.slice(0, MAX_WARNINGS) }),
      ...(memory && { memory }),
    };
    return this.cache.set(recordKey(fingerprint), JSON.stringify(record));
  }

  /**
   * Writes every artifact of a firmware into `directory`, which should be the caller's own until this resolves. If the
   * firmware, or any of its artifacts, is missing or damaged, resolves to undefined and leaves no files. Contents are
   * checked against their hashes.
   */
  async restore(fingerprint: string, directory: string): Promise<RestoredFirmware | undefined> {
    const record = await this.#record(fingerprint);
    if (!record) return undefined;
    const files: string[] = [];
    let restored = 0;
    try {
      for (const artifact of record.artifacts) {
        const file = path.join(directory, artifact.name);
        files.push(file);
        if (!(await this.#writeFile(artifactKey(fingerprint, artifact), file, artifact))) return undefined;
        restored++;
      }
      return { record, files };
    } finally {
      if (restored < record.artifacts.length) for (const file of files) rmSync(file, { force: true });
    }
  }

  /** Deletes a firmware; resolves to whether it existed. */
  async forget(fingerprint: string): Promise<boolean> {
    const record = await this.#record(fingerprint);
    if (record) await this.cache.deleteMany(record.artifacts.map(item => artifactKey(fingerprint, item)));
    return this.cache.delete(recordKey(fingerprint));
  }

  async #writeFile(key: string, destination: string, { sha256 }: FirmwareArtifact): Promise<boolean> {
    try {
      // The cache verifies what it writes against the row. A damaged index may lead to another row, with another
      // hash.
      if (!(await this.cache.getFile(key, destination, { sha256 }))) return false;
      const { mode } = lstatSync(destination);
      if ((mode & 0o400) === 0) chmodSync(destination, (mode & 0o777) | 0o400);
      return true;
    } catch (error) {
      // A value of another kind under an artifact's key is damage, and damage is a miss.
      if (error instanceof WrongKindError) return false;
      throw error;
    }
  }

  async #record(fingerprint: string): Promise<FirmwareRecord | undefined> {
    const value = parseText(await this.cache.get(recordKey(fingerprint)));
    if (!isRecord(value)) return undefined;
    const { memory: stored, ...record } = value;
    const memory = asMemoryUse(stored);
    return { ...record, ...(memory && { memory }) };
  }
}

function recordKey(fingerprint: string): string {
  return `${fingerprint}:record`;
}

function artifactKey(fingerprint: string, artifact: FirmwareArtifact): string {
  return `${fingerprint}:${artifact.sha256}:${artifact.name}`;
}

function isRecord(value: unknown): value is FirmwareRecord {
  const record = value as FirmwareRecord | null | undefined;
  return (
    typeof record === 'object' &&
    record?.schema === RECORD_SCHEMA &&
    Array.isArray(record.artifacts) &&
    record.artifacts.length > 0 &&
    record.artifacts.length <= MAX_ARTIFACTS &&
    // Fills the holes of a sparse array first, since `every` skips them.
    Array.from(record.artifacts).every(isArtifact) &&
    new Set(record.artifacts.map(artifact => foldName(artifact.name))).size === record.artifacts.length &&
    Number.isFinite(record.compileDuration) &&
    Number.isFinite(record.created) &&
    (record.warnings === undefined || isTexts(record.warnings))
  );
}

function isTexts(value: unknown): value is string[] {
  if (!Array.isArray(value) || value.length > MAX_WARNINGS) return false;
  return Array.from(value).every(item => typeof item === 'string');
}

function isArtifact(value: unknown): value is FirmwareArtifact {
  const artifact = value as FirmwareArtifact | null | undefined;
  if (typeof artifact !== 'object' || typeof artifact?.name !== 'string') return false;
  try {
    assertArtifactName(artifact.name);
  } catch {
    return false;
  }
  return Number.isSafeInteger(artifact.size) && /^[0-9a-f]{64}$/.test(artifact.sha256);
}
