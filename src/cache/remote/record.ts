// Records of the remote tier: a JSON ActionResult of Bazel's remote execution API, which holds our signed record.
//
//   { "outputFiles": [{ "path": "left.uf2", "digest": { "hash": <sha256>, "sizeBytes": "4096" } }],
//     "exitCode": 0,
//     "stdoutRaw": base64("glovebox-record 1 <public key> <signature>\n<record as JSON>") }
//
// A server that knows the format (bazel-remote) answers with the record only while it has all of `outputFiles`, and may
// write the JSON anew. So only `stdoutRaw` is trusted, and the signature covers bytes, not a JSON value.
import { createHash } from 'node:crypto';
import type { SigningKey, TrustedKey } from './signing.ts';

/** The kind of a record; a reader asks for one kind and gets no other. */
export type RecordKind = 'firmware' | 'manifest' | 'value' | 'probe' | 'inputs' | 'job';

/** Largest record in bytes, as it is sent. */
export const MAX_RECORD = 1024 * 1024;

/** One file, or the bytes of a value. */
export interface RecordFile {
  /** The file's name: not empty, no path separators, no control characters. Unique within the record. */
  name: string;
  /** Bytes of the content. */
  size: number;
  /** SHA-256 of the content in hexadecimal. */
  sha256: string;
  /** Permission bits; null for values. */
  mode: number | null;
  /** The content's location: in base64 in the record itself, or in a blob. */
  content: { inline: string } | { blob: BlobReference };
}

export interface BlobReference {
  /** SHA-256 of the blob in hexadecimal: its name on the server. Of the compressed bytes when it is compressed. */
  sha256: string;
  /** Bytes of the blob. */
  size: number;
  encoding: 'identity' | 'zstd';
}

export interface RemoteRecord {
  /** The key that the record is stored under. */
  key: string;
  kind: RecordKind;
  /** Creation time, in milliseconds since the epoch. */
  created: number;
  /** The caller's data, plain JSON. */
  data: unknown;
  files: RecordFile[];
}

/** Why a downloaded record is not trusted. */
export type Refusal =
  | { why: 'not-a-record' }
  | { why: 'unsigned' }
  | { why: 'unknown-signer'; signer: string }
  | { why: 'altered'; signer: string }
  | { why: 'moved'; signer: string; from: string }
  | { why: 'other-kind' | 'too-new' | 'malformed'; signer: string };

export type Decoded = { record: RemoteRecord; signer: TrustedKey } | { refusal: Refusal };

const MAGIC = 'glovebox-record';
const VERSION = '1';
const HEADER = /^glovebox-record (\d{1,9}) ([A-Za-z0-9+/]{43}=) ([A-Za-z0-9+/]{86}==)$/;
const MAX_HEADER = 256;
const MAX_FILES = 1000;
const SHA256 = /^[0-9a-f]{64}$/;
const SIGNED_AS = Buffer.from(`${MAGIC} ${VERSION}\n`);

/** The key of a record: a digest of its kind and of its distinguishing parts, such as a tag and a fingerprint. */
export function remoteKey(kind: RecordKind, ...parts: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([MAGIC, kind, ...parts]))
    .digest('hex');
}

export function isDigest(value: unknown): value is string {
  return typeof value === 'string' && SHA256.test(value);
}

/** Whether a file of a record can have this name. */
export function isFileName(name: unknown): name is string {
  return (
    typeof name === 'string' &&
    name !== '' &&
    name !== '.' &&
    name !== '..' &&
    name.length <= 255 &&
    name.isWellFormed() &&
    !/[/\\\p{Cc}]/u.test(name)
  );
}

/** The bytes to store. */
export function encodeRecord(record: RemoteRecord, signingKey: SigningKey): Buffer {
  const payload = Buffer.from(JSON.stringify(record));
  const signature = signingKey.sign(signedBytes(payload)).toString('base64');
  const header = Buffer.from(`${MAGIC} ${VERSION} ${signingKey.publicKey} ${signature}\n`);
  const blobs = record.files.flatMap(({ name, content }) =>
    'blob' in content ? [{ name, ...content.blob }] : [],
  );
  return Buffer.from(
    JSON.stringify({
      // Protocol buffers write 64-bit numbers as strings in JSON.
      outputFiles: blobs.map(({ name, sha256, size }) => ({
        path: name,
        digest: { hash: sha256, sizeBytes: String(size) },
      })),
      exitCode: 0,
      stdoutRaw: Buffer.concat([header, payload]).toString('base64'),
    }),
  );
}

/** Decodes the server's answer to a request for `key`: the record, or why it is not trusted. */
export function decodeRecord(
  bytes: Buffer,
  { key, kind, trust }: { key: string; kind: RecordKind; trust: readonly TrustedKey[] },
): Decoded {
  const envelope = parseJson(bytes);
  if (!isObject(envelope)) return { refusal: { why: 'not-a-record' } };
  const raw = Buffer.from(typeof envelope.stdoutRaw === 'string' ? envelope.stdoutRaw : '', 'base64');
  const end = raw.subarray(0, MAX_HEADER).indexOf('\n');
  const [, version, signer, signature] =
    HEADER.exec(raw.subarray(0, Math.max(end, 0)).toString('latin1')) ?? [];
  if (version === undefined || signer === undefined || signature === undefined) {
    return { refusal: { why: 'unsigned' } };
  }
  const trusted = trust.find(({ publicKey }) => publicKey === signer);
  if (!trusted) return { refusal: { why: 'unknown-signer', signer } };
  if (version !== VERSION) return { refusal: { why: 'too-new', signer } };
  const payload = raw.subarray(end + 1);
  if (!trusted.verify(signedBytes(payload), Buffer.from(signature, 'base64'))) {
    return { refusal: { why: 'altered', signer } };
  }
  const value = parseJson(payload);
  if (isObject(value) && isDigest(value.key) && value.key !== key) {
    return { refusal: { why: 'moved', signer, from: value.key } };
  }
  const record = asRecord(value);
  if (record?.key !== key) return { refusal: { why: 'malformed', signer } };
  if (record.kind !== kind) return { refusal: { why: 'other-kind', signer } };
  return { record, signer: trusted };
}

// The prefix keeps other data that this key signs from passing as a record.
function signedBytes(payload: Buffer): Buffer {
  return Buffer.concat([SIGNED_AS, payload]);
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

// The signer is trusted, but may have had another version of this program, or a bug.
function asRecord(value: unknown): RemoteRecord | undefined {
  if (!isObject(value)) return undefined;
  const { key, kind, created, data, files } = value;
  if (!isDigest(key) || typeof kind !== 'string' || typeof created !== 'number') return undefined;
  if (!Array.isArray(files) || files.length > MAX_FILES) return undefined;
  const checked = files.map(asFile);
  if (!checked.every(file => file !== undefined)) return undefined;
  if (new Set(checked.map(({ name }) => name)).size !== checked.length) return undefined;
  return { key, kind: kind as RecordKind, created, data, files: checked };
}

function asFile(value: unknown): RecordFile | undefined {
  if (!isObject(value)) return undefined;
  const { name, size, sha256, mode, content } = value;
  if (!isFileName(name) || !isSize(size) || !isDigest(sha256)) return undefined;
  if (mode !== null && !(Number.isInteger(mode) && (mode as number) >= 0 && (mode as number) <= 0o777)) {
    return undefined;
  }
  const place = asContent(content);
  return place && { name, size, sha256, mode: mode as number | null, content: place };
}

function asContent(value: unknown): RecordFile['content'] | undefined {
  if (!isObject(value)) return undefined;
  if (typeof value.inline === 'string') return { inline: value.inline };
  const { blob } = value;
  if (!isObject(blob)) return undefined;
  const { sha256, size, encoding } = blob;
  if (!isDigest(sha256) || !isSize(size) || (encoding !== 'identity' && encoding !== 'zstd'))
    return undefined;
  return { blob: { sha256, size, encoding } };
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
