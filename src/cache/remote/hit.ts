// Remote hit: a trusted record with access to its contents. It counts as a hit once all of them were delivered.
import { InvalidArgumentError, LARGEST_VALUE } from '../../errors.ts';
import type { Downloads, Progress } from './downloads.ts';
import { RemoteFailure } from './failure.ts';
import type { RecordFile, RemoteRecord } from './record.ts';
import type { RemoteHit } from './remote-tier.ts';
import type { TrustedKey } from './signing.ts';

/** A fetched result, and the function to call when the time for it was well spent. */
export interface Fetched<T> {
  value: T;
  paidOff(): void;
}

export interface HitOptions {
  /** The request that brought the record. */
  got: Pick<Fetched<unknown>, 'paidOff'>;
  /** Whether it is worth its time only together with what it leads to. */
  isStep: boolean;
  record: RemoteRecord;
  signer: TrustedKey;
  downloads: Downloads;
  /** Runs a request; undefined when it failed. */
  fetch<T>(
    signal: AbortSignal | undefined,
    work: (progress: Progress) => Promise<T>,
  ): Promise<Fetched<T> | undefined>;
  /** Unpacks a content that arrived inside the record; undefined when it is invalid. */
  unpack<T>(work: (progress: Progress) => Promise<T>): Promise<Fetched<T> | undefined>;
  /** Called once: with true when every content was delivered, with false as soon as one was not. */
  onEnd(isHit: boolean): void;
}

const DEFAULT_MODE = 0o644;

export function createHit(options: HitOptions): RemoteHit {
  const { record, signer, downloads, fetch, unpack, onEnd } = options;
  const files = new Map(record.files.map(file => [file.name, file]));
  const left = new Set(files.keys());
  const spent = [options.got];
  const paidOff = () => {
    for (const request of spent) request.paidOff();
  };
  let isOver = false;
  const end = (isHit: boolean) => {
    if (isOver) return;
    isOver = true;
    if (isHit && !options.isStep) paidOff();
    onEnd(isHit);
  };
  if (left.size === 0) end(true);

  const deliver = async <T>(
    name: string,
    signal: AbortSignal | undefined,
    work: (file: RecordFile, progress: Progress) => Promise<T>,
  ): Promise<Fetched<T> | undefined> => {
    const file = files.get(name);
    if (!file) throw new InvalidArgumentError(`The remote entry has no file ${JSON.stringify(name)}.`);
    const isHere = 'inline' in file.content;
    const fetched = isHere
      ? await unpack(progress => work(file, progress))
      : await fetch(signal, progress => work(file, progress));
    if (fetched) {
      spent.push(fetched);
      left.delete(name);
    }
    if (!fetched) end(false);
    else if (left.size === 0) end(true);
    return fetched;
  };

  return {
    data: record.data,
    files: record.files.map(({ name, size, sha256, mode }) => ({ name, size, sha256, mode })),
    created: record.created,
    signer: { publicKey: signer.publicKey, name: signer.name },
    getFile: async (name, destination, { mode, signal } = {}) => {
      const fetched = await deliver(name, signal, (file, progress) =>
        downloads.toFile(file, destination, mode ?? file.mode ?? DEFAULT_MODE, progress),
      );
      return fetched !== undefined;
    },
    getBytes: async (name, { signal } = {}) => {
      const fetched = await deliver(name, signal, (file, progress) => {
        if (file.size > LARGEST_VALUE)
          throw new RemoteFailure('content', `${JSON.stringify(name)} is too large`);
        return downloads.toBytes(file, progress);
      });
      return fetched?.value;
    },
    paidOff,
  };
}
