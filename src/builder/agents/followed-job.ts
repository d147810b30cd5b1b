// Followed job: a target of a build in the queue, with what its messages said so far. Passes each message on once.
import type { JobData, JobFailure, JobMessage, JobResult } from './job.ts';
import type { Claim } from './job-claims.ts';

/** A target that an agent may build. */
export interface Offer {
  /** The digest that identifies the work. */
  lease: string;
  data: JobData;
  onEvent: (event: OfferEvent) => void;
}

export type OfferEvent =
  /** In the queue; `why` if an agent had begun it. */
  | { type: 'queued'; why?: string | undefined }
  | { type: 'preparing'; by: string; text: string }
  | { type: 'compiling'; by: string; jobs: number; roots: JobMessage['roots'] }
  | { type: 'output'; line: string }
  /** One sentence for the user. */
  | { type: 'warning'; message: string };

export type OfferOutcome =
  | { end: 'built'; result: JobResult }
  | { end: 'failed'; by: string; failure: JobFailure; roots: JobMessage['roots'] }
  /** It is to be compiled here. With the claim, if the job is this machine's now. */
  | { end: 'here'; claim?: Claim | undefined };

export class FollowedJob {
  readonly offer: Offer;
  /** Changes if the job has to be added again. */
  id = '';
  state: 'adding' | 'waiting' | 'active' | 'claimed' | 'settled' = 'adding';
  readonly outcome: PromiseWithResolvers<OfferOutcome> = Promise.withResolvers();
  /** How many agents refused it because of their own trouble. */
  refusals = 0;
  /** The last message. */
  last: JobMessage | undefined;
  /** The directories of the machine that compiles. */
  roots: JobMessage['roots'];
  #heardAt = performance.now();
  /** The attempt that is followed, and the number of its next line. */
  #run: string | undefined;
  #nextLine = 0;
  /** The last phase that was passed on. */
  #told = '';

  constructor(offer: Offer) {
    this.offer = offer;
  }

  /** Whether the queue may still run the job. */
  get isOpen(): boolean {
    return this.state !== 'settled' && this.state !== 'claimed';
  }

  /** The queue said something about it. */
  heard(): void {
    this.#heardAt = performance.now();
  }

  /** Has it looked up next. */
  doubt(): void {
    this.#heardAt = Number.NEGATIVE_INFINITY;
  }

  /** Whether no message about the job has arrived since this time, by `performance.now()`. */
  isQuietSince(time: number): boolean {
    return this.#heardAt < time;
  }

  /** @param why an agent had begun it */
  enterWaiting(why?: string): void {
    this.state = 'waiting';
    this.#told = 'queued';
    this.offer.onEvent({ type: 'queued', why });
  }

  /** An agent makes itself able to build it. It waits until then. */
  preparing(by: string, text: string): void {
    if (this.state === 'waiting') this.#tell(`${by} ${text}`, { type: 'preparing', by, text });
  }

  /** Passes a message on. */
  follow(message: JobMessage): void {
    const { by, run, phase, text = '', jobs = 1, roots, from = 0, lines = [] } = message;
    if (this.#run !== run) {
      this.#run = run;
      this.#nextLine = 0;
    }
    this.last = message;
    this.roots = roots ?? this.roots;
    if (phase === 'preparing') this.#tell(`${run} ${phase} ${text}`, { type: 'preparing', by, text });
    else if (phase === 'compiling') this.#tell(`${run} ${phase}`, { type: 'compiling', by, jobs, roots });
    this.#pass(from, lines);
  }

  /** Catches up with what was said before it was followed: the last message, and all lines. */
  catchUp(message: JobMessage, lines: readonly string[]): void {
    if (this.#run !== undefined) return;
    this.follow({ ...message, lines: [] });
    if (lines.length > this.#nextLine) this.#pass(this.#nextLine, lines.slice(this.#nextLine));
  }

  #tell(told: string, event: OfferEvent): void {
    if (told === this.#told) return;
    this.#told = told;
    this.offer.onEvent(event);
  }

  #pass(from: number, lines: readonly string[]): void {
    if (lines.length === 0) return;
    for (const line of lines.slice(Math.max(0, this.#nextLine - from)))
      this.offer.onEvent({ type: 'output', line });
    this.#nextLine = Math.max(this.#nextLine, from + lines.length);
  }
}
