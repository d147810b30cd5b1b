// Notices of the remote tier: warnings for a person, each kind once.
import type { Refusal } from './record.ts';

type Notice = 'trouble' | 'refused' | 'unfit';

export class Notices {
  readonly #url: string;
  readonly #warn: (message: string) => void;
  readonly #told = new Set<Notice>();

  constructor(url: string, warn: ((message: string) => void) | undefined) {
    this.#url = url;
    this.#warn =
      warn ?? (message => process.emitWarning(message, { type: 'GloveboxWarning', code: 'GLOVEBOX_CACHE' }));
  }

  /** The server does not work as it should. Only the first trouble is reported. */
  trouble(what: string): void {
    this.#tell(
      'trouble',
      `The remote cache ${this.#url} is in trouble, so some entries are produced here instead: ${what}.`,
    );
  }

  /** A record or a content is not trusted. */
  refused(what: string): void {
    this.#tell('refused', `The remote cache ${this.#url} has an entry that is not used: ${what}.`);
  }

  /** An entry cannot be uploaded, for a reason that the server did not cause. */
  unfit(why: string): void {
    this.#tell('unfit', `An entry is not uploaded to the remote cache ${this.#url}: ${why}.`);
  }

  #tell(kind: Notice, message: string): void {
    if (this.#told.has(kind)) return;
    this.#told.add(kind);
    this.#warn(message);
  }
}

/** A part of a sentence, without a full stop. */
export function describeRefusal(key: string, refusal: Refusal): string {
  const record = `the record ${key}`;
  switch (refusal.why) {
    case 'not-a-record':
      return `${record} is not a record`;
    case 'unsigned':
      return `${record} is not signed`;
    case 'unknown-signer':
      return `${record} is signed by ${refusal.signer}, which is not in remote.trust`;
    case 'altered':
      return `${record} was altered after ${refusal.signer} signed it`;
    case 'moved':
      return `${record} was signed by ${refusal.signer} for ${refusal.from}, and moved`;
    case 'too-new':
      return `${record} was written by a newer Glovebox`;
    case 'other-kind':
    case 'malformed':
      return `${record}, signed by ${refusal.signer}, has a form that this Glovebox does not know`;
  }
}
