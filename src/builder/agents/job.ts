// Jobs: what a build asks of an agent, and what comes back. Plain data.
//
//   build ── JobData: a signed JobRequest ──► queue ──► agent
//         ◄── JobMessage (progress) ──────────  │  ◄──┘
//         ◄── JobResult: the fingerprint ───────┘        firmware goes through the remote cache
import type { Decoded } from '../../cache/remote/record.ts';
import { decodeRecord, encodeRecord, isDigest, remoteKey } from '../../cache/remote/record.ts';
import type { SigningKey, TrustedKey } from '../../cache/remote/signing.ts';
import { isObject, listOf } from '../../cache/values/stored-json.ts';
import type { ToolchainKind } from '../../config/toolchain-options.ts';
import type { Target } from '../matrix/target.ts';
import type { SourceExcerpt } from '../toolchains/toolchain.ts';

/** Raised with each change of what jobs mean. Agents of another version have other queues. */
export const JOB_PROTOCOL = 2;

/** Everything that an agent needs to build a target. */
export interface JobRequest {
  target: Target;
  kind: ToolchainKind;
  /** The digest of the target's base; the agent must arrive at the same. */
  base: string;
  /** The digest of the base and of all declared inputs; the agent must arrive at the same. */
  lease: string;
  /** The key of the declared inputs in the remote cache. */
  inputs: string;
  /** The config directory and the toolchain's directory, relative to the root of the inputs; empty for the root. */
  places: { config: string; directory: string };
  /** The settings of the toolchain that are not the agent's own. */
  settings: JobSettings;
}

export interface JobSettings {
  /** Of a command. */
  inputs?: string[] | undefined;
  observed?: string | undefined;
  /** Of the other toolchains. */
  environment?: string[] | undefined;
  configPath?: string | undefined;
  buildFile?: string | undefined;
  fallbackBinary?: string | undefined;
}

/** A job's data in the queue. Only `record` counts: the rest is for people, and unsigned. */
export interface JobData {
  /** The signed request. */
  record: string;
  target: string;
  /** Who asked first. */
  from: string;
}

/** A finished job. The firmware is in the remote cache. */
export interface JobResult {
  fingerprint: string;
  by: string;
  /** `compiled`: for this job. */
  source: 'compiled' | 'cache';
}

/** A failure of the compiler, the same on every machine. */
export interface JobFailure {
  reason: 'exit-status' | 'killed' | 'no-artifacts' | 'wrong-board';
  message: string;
  exitCode?: number | undefined;
  lastLines: string[];
  excerpt?: SourceExcerpt | undefined;
}

/** Why an agent did not build a job. `trouble`: its own, others may do better. `mismatch`: it would build something else. */
export interface JobRefusal {
  kind: 'trouble' | 'mismatch' | 'trust' | 'unshared';
  /** As the end of a sentence, without a period. */
  why: string;
}

/** A progress message. Each is complete by itself, because a queue keeps only the last. */
export interface JobMessage {
  by: string;
  /** Differs for each attempt: lines are numbered within one. */
  run: string;
  phase: 'preparing' | 'compiling' | 'failed' | 'refused' | 'cancelled';
  /** What is being prepared. */
  text?: string | undefined;
  /** Processes that the compiler may run at once. */
  jobs?: number | undefined;
  /** The agent's directories, of the inputs and of the workspace, and its log. */
  roots?: { inputs: string; workspace?: string | undefined; log?: string | undefined } | undefined;
  /** Lines of output, and the number of the first. */
  from?: number | undefined;
  lines?: string[] | undefined;
  failure?: JobFailure | undefined;
  refusal?: JobRefusal | undefined;
  /** Asks whether any build still wants the job. */
  isQuestion?: boolean | undefined;
}

/** The data of a job. */
export function encodeJob(request: JobRequest, from: string, signingKey: SigningKey): JobData {
  const key = keyOf(request.lease);
  const record = { key, kind: 'job' as const, created: Date.now(), data: request, files: [] };
  return {
    record: encodeRecord(record, signingKey).toString(),
    target: request.target.artifactName,
    from,
  };
}

/** The request of a job, if a trusted key has signed it; else why it is refused. */
export function decodeJob(
  data: unknown,
  lease: string,
  trust: readonly TrustedKey[],
): { request: JobRequest; signer: TrustedKey } | JobRefusal {
  const record = isObject(data) && typeof data.record === 'string' ? data.record : '';
  const decoded: Decoded = decodeRecord(Buffer.from(record), { key: keyOf(lease), kind: 'job', trust });
  if ('refusal' in decoded) {
    const { why } = decoded.refusal;
    if (why !== 'unknown-signer') return { kind: 'trust', why: `the job is not signed properly (${why})` };
    const { signer } = decoded.refusal;
    return {
      kind: 'trust',
      why: `it does not trust the key of the machine that asked: add ${signer} to its remote.trust`,
    };
  }
  const request = asRequest(decoded.record.data);
  if (request?.lease === lease) return { request, signer: decoded.signer };
  return { kind: 'mismatch', why: 'the job is of another form. Have all machines use the same version' };
}

/** Undefined if a progress message is of another form. */
export function asMessage(value: unknown): JobMessage | undefined {
  if (!isObject(value) || typeof value.by !== 'string' || typeof value.run !== 'string') return undefined;
  if (!['preparing', 'compiling', 'failed', 'refused', 'cancelled'].includes(String(value.phase)))
    return undefined;
  const lines = listOf(value.lines ?? [], asText, MAX_LINES);
  if (lines === undefined) return undefined;
  const failure = asFailure(value.failure);
  const refusal = asRefusal(value.refusal);
  if ((value.phase === 'failed' && !failure) || (value.phase === 'refused' && !refusal)) return undefined;
  const { inputs, workspace, log } = isObject(value.roots) ? value.roots : {};
  return {
    ...{ by: value.by, run: value.run, phase: value.phase as JobMessage['phase'], lines },
    text: asText(value.text),
    jobs: typeof value.jobs === 'number' ? value.jobs : undefined,
    roots:
      typeof inputs === 'string' ? { inputs, workspace: asText(workspace), log: asText(log) } : undefined,
    from: typeof value.from === 'number' ? value.from : undefined,
    ...{ failure, refusal, isQuestion: value.isQuestion === true },
  };
}

/** Undefined if a job's result is of another form. */
export function asResult(value: unknown): JobResult | undefined {
  if (!isObject(value) || !isDigest(value.fingerprint) || typeof value.by !== 'string') return undefined;
  const { fingerprint, by } = value;
  return { fingerprint, by, source: value.source === 'compiled' ? 'compiled' : 'cache' };
}

/** What a build says to agents: about a job, or about a queue that it waits in. Empty where it does not name one. */
export interface ControlEvent {
  queue: string;
  job: string;
}

export function asControlEvent(value: unknown): ControlEvent {
  const { queue, job } = isObject(value) ? value : {};
  return { queue: asText(queue) ?? '', job: asText(job) ?? '' };
}

/** What an agent says about the jobs of a queue: which it looked at, who it is, and a text. Empty where it does not. */
export function asNotice(value: unknown): { job: string; by: string; text: string } {
  const { job, by, text } = isObject(value) ? value : {};
  return { job: asText(job) ?? '', by: asText(by) ?? '', text: asText(text) ?? '' };
}

const MAX_LINES = 10_000;

function keyOf(lease: string): string {
  return remoteKey('job', String(JOB_PROTOCOL), lease);
}

// Its signer is trusted, but may have had another version of this program.
function asRequest(value: unknown): JobRequest | undefined {
  if (!isObject(value) || !isObject(value.target) || !isObject(value.places) || !isObject(value.settings))
    return undefined;
  const { target, kind, base, lease, inputs, places, settings } = value;
  if (kind !== 'west' && kind !== 'container' && kind !== 'command') return undefined;
  if (![base, lease, inputs].every(isDigest)) return undefined;
  if (typeof target.artifactName !== 'string' || typeof target.board !== 'string') return undefined;
  if (!isInside(places.config) || !isInside(places.directory)) return undefined;
  const texts = [settings.observed, settings.configPath, settings.buildFile, settings.fallbackBinary];
  const lists = [settings.inputs, settings.environment].map(list => list ?? []);
  if (!texts.every(text => text === undefined || typeof text === 'string')) return undefined;
  if (!lists.every(list => listOf(list, asText, MAX_LINES) !== undefined)) return undefined;
  return value as unknown as JobRequest;
}

/** Whether a place is a relative path that leads nowhere else. */
function isInside(place: unknown): place is string {
  return typeof place === 'string' && !place.startsWith('/') && !place.split('/').includes('..');
}

function asFailure(value: unknown): JobFailure | undefined {
  if (!isObject(value) || typeof value.message !== 'string') return undefined;
  const { reason, message, exitCode, excerpt } = value;
  if (!['exit-status', 'killed', 'no-artifacts', 'wrong-board'].includes(String(reason))) return undefined;
  const lastLines = listOf(value.lastLines, asText, MAX_LINES);
  if (lastLines === undefined) return undefined;
  return {
    ...{ reason: reason as JobFailure['reason'], message, lastLines, excerpt: asExcerpt(excerpt) },
    ...(typeof exitCode === 'number' && { exitCode }),
  };
}

function asExcerpt(value: unknown): SourceExcerpt | undefined {
  if (!isObject(value)) return undefined;
  const { file, line, text, column } = value;
  if (typeof file !== 'string' || typeof text !== 'string') return undefined;
  return typeof line === 'number' && typeof column === 'number' ? { file, line, text, column } : undefined;
}

function asRefusal(value: unknown): JobRefusal | undefined {
  if (!isObject(value) || typeof value.why !== 'string') return undefined;
  const { kind, why } = value;
  if (kind !== 'trouble' && kind !== 'mismatch' && kind !== 'trust' && kind !== 'unshared') return undefined;
  return { kind, why };
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
