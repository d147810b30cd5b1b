// Ed25519 keys of the remote tier: a private key signs records, and trusted public keys verify them.
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { InvalidArgumentError } from '../../errors.ts';

/** A public key whose records are trusted. */
export interface TrustedKey {
  /** The 32 bytes of the key in base64, as `remote.trust` holds it. */
  readonly publicKey: string;
  /** The owner's name for people; undefined when the list has only the key. */
  readonly name: string | undefined;
  verify(data: Uint8Array, signature: Uint8Array): boolean;
}

/** A private key, with its public half. */
export interface SigningKey {
  /** The 32 bytes of the public key in base64: the entry for others' `remote.trust`. */
  readonly publicKey: string;
  /** 64 bytes. */
  sign(data: Uint8Array): Buffer;
}

/** The forms that {@link parseTrustedKey} takes, for messages. */
export const PUBLIC_KEY_FORMS =
  "an Ed25519 public key in base64 (44 characters, as 'glovebox remote keygen' prints it), with a name after it where wanted";

const KEY_BYTES = 32;
const MAX_KEY_FILE = 16 * 1024;
// DER's prefix of the 32 bytes of an Ed25519 key (RFC 8410).
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * A public key as it is listed in `trust`: `<base64>` or `<base64> <name>`.
 *
 * @param name what the value is called in the message
 * @throws InvalidArgumentError for anything else
 */
export function parseTrustedKey(text: string, name = 'remote.trust'): TrustedKey {
  const [, encoded = '', owner] =
    /^\s*([A-Za-z0-9+/]{43}=)(?:\s+(\S.*?))?\s*$/.exec(typeof text === 'string' ? text : '') ?? [];
  const bytes = Buffer.from(encoded, 'base64');
  // Base64 has several spellings of the same bytes; one key must not look like two.
  if (bytes.length !== KEY_BYTES || bytes.toString('base64') !== encoded) {
    throw new InvalidArgumentError(`${name} has ${shorten(text)}, but must have ${PUBLIC_KEY_FORMS}.`);
  }
  const key = createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, bytes]), format: 'der', type: 'spki' });
  return {
    publicKey: encoded,
    name: owner,
    verify: (data, signature) => verifyBytes(null, data, key, signature),
  };
}

/**
 * A private key: PEM (PKCS #8), or its 32 bytes in base64.
 *
 * @throws InvalidArgumentError that does not repeat the text
 */
export function parseSigningKey(text: string, name = 'GLOVEBOX_SIGNING_KEY'): SigningKey {
  let key: KeyObject | undefined;
  try {
    const trimmed = text.trim();
    key = /^[A-Za-z0-9+/]{43}=$/.test(trimmed)
      ? createPrivateKey({
          key: Buffer.concat([PRIVATE_PREFIX, Buffer.from(trimmed, 'base64')]),
          format: 'der',
          type: 'pkcs8',
        })
      : createPrivateKey(trimmed);
  } catch {
    // The error below does not repeat the text: it may be a secret.
  }
  if (key?.asymmetricKeyType !== 'ed25519') {
    throw new InvalidArgumentError(
      `${name} is not an Ed25519 private key. It must be PEM (PKCS #8), the key's 32 bytes in base64, or a file with one of them: 'glovebox remote keygen' makes one.`,
    );
  }
  const privateKey = key;
  return {
    publicKey: publicKeyText(createPublicKey(privateKey)),
    sign: data => signBytes(null, data, privateKey),
  };
}

/**
 * The private key in a file, which only its owner may read.
 *
 * @throws InvalidArgumentError when others may read it, when it is not there, or when it holds no private key
 */
export function readSigningKey(file: string, name = 'The signing key'): SigningKey {
  return parseSigningKey(readSecret(file, name), `${name} ${file}`);
}

/** A new key pair: the private key as PEM, the public key in base64. */
export function generateSigningKey(): { privateKey: string; publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    publicKey: publicKeyText(publicKey),
  };
}

function publicKeyText(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES).toString('base64');
}

function readSecret(file: string, name: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InvalidArgumentError(`${name} ${file} cannot be read (${code}).`, { cause: error });
  }
  try {
    const { mode, size } = fstatSync(descriptor);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new InvalidArgumentError(
        `${name} ${file} can be read by others (mode ${(mode & 0o777).toString(8)}), so it is not used. Run: chmod 600 '${file}'`,
      );
    }
    return size > MAX_KEY_FILE ? '' : readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

function shorten(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
