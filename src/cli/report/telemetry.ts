// OpenTelemetry spans and metrics of a build, if the process has an SDK. Names follow the semantic conventions for
// CI/CD: a run of the pipeline `glovebox`, with one task per target.
import type { Attributes, Meter, Span, Context as TraceContext, Tracer } from '@opentelemetry/api';
import type { BuildEvent } from '../../builder/events.ts';
import { traceEnvironment } from '../../config/environment.ts';
import { ownVersion } from '../version.ts';

type Api = typeof import('@opentelemetry/api');
type Flushable = { forceFlush?: () => Promise<void>; getDelegate?: () => Flushable };

const SCOPE = 'glovebox';
const PIPELINE = { 'cicd.pipeline.name': 'glovebox' };

// The registry of OpenTelemetry SDKs, shared by all copies of the API with this major version.
const REGISTERED = Symbol.for('opentelemetry.js.api.1');

/** Telemetry of a build. Without OpenTelemetry, it only passes on the trace context of this process. */
export interface Telemetry {
  event(event: BuildEvent): void;
  /** The trace context for a target's compiler. */
  traceparentOf(target: string): string | undefined;
  /** Ends open spans and flushes everything. Never rejects. */
  close(): Promise<void>;
}

/** @param warn called when an SDK is registered but the API package cannot be found */
export async function createTelemetry(warn: (message: string) => void): Promise<Telemetry> {
  const incoming = traceEnvironment();
  const none: Telemetry = {
    event: () => undefined,
    traceparentOf: () => incoming,
    close: async () => undefined,
  };
  if (!(REGISTERED in globalThis)) return none;
  try {
    return new BuildTelemetry(await import('@opentelemetry/api'), incoming);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    warn(
      'OpenTelemetry is set up, but this build cannot be traced: install @opentelemetry/api beside glovebox.',
    );
    return none;
  }
}

interface Run {
  span: Span;
  context: TraceContext;
  began: number;
  results: Set<string>;
}

class BuildTelemetry implements Telemetry {
  readonly #api: Api;
  readonly #tracer: Tracer;
  readonly #parent: TraceContext;
  readonly #meters: ReturnType<typeof instruments>;
  #run: Run | undefined;
  #runCount = 0;
  readonly #tasks = new Map<string, Span>();

  constructor(api: Api, incoming: string | undefined) {
    this.#api = api;
    this.#tracer = api.trace.getTracer(SCOPE, ownVersion());
    this.#meters = instruments(api.metrics.getMeter(SCOPE, ownVersion()));
    this.#parent = parentOf(api, incoming);
  }

  event(event: BuildEvent): void {
    switch (event.type) {
      case 'build-started':
        this.#begin(event.at);
        this.#run?.span.setAttribute('glovebox.toolchain', event.toolchain);
        return;
      case 'target-checking':
        this.#beginTask(event.target, event.at);
        return;
      case 'target-missed':
        this.#tasks.get(event.target)?.setAttribute('glovebox.why', event.why);
        return;
      case 'target-finished': {
        const { source, duration, compileDuration, fingerprint } = event;
        this.#meters.targets.add(1, { ...PIPELINE, 'glovebox.target.source': source });
        this.#endTask(event, 'success', {
          'glovebox.target.source': source,
          'glovebox.target.duration': duration / 1000,
          'glovebox.target.compile.duration': compileDuration / 1000,
          ...(fingerprint !== undefined && { 'glovebox.target.fingerprint': fingerprint }),
        });
        return;
      }
      case 'target-failed': {
        const span = this.#tasks.get(event.target);
        span?.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: event.message });
        this.#meters.errors.add(1, { ...PIPELINE, 'error.type': event.reason });
        this.#endTask(event, 'failure', { 'error.type': event.reason });
        return;
      }
      case 'target-cancelled':
        this.#endTask(event, 'cancellation');
        return;
      case 'build-finished':
      case 'watch-waiting':
        this.#end(event.at);
    }
  }

  traceparentOf(target: string): string | undefined {
    const context = this.#tasks.get(target)?.spanContext();
    if (context === undefined || !this.#api.isSpanContextValid(context)) return undefined;
    return `00-${context.traceId}-${context.spanId}-${context.traceFlags.toString(16).padStart(2, '0')}`;
  }

  async close(): Promise<void> {
    this.#end(Date.now(), 'error');
    const { trace, metrics } = this.#api;
    const providers = [trace.getTracerProvider(), metrics.getMeterProvider()] as Flushable[];
    const flushing = providers.map(async provider => {
      await (provider.getDelegate?.() ?? provider).forceFlush?.();
    });
    // An unreachable receiver must not fail the build. The exporter's settings limit the retries.
    await Promise.allSettled(flushing);
  }

  #begin(at: number): Run {
    if (this.#run !== undefined) return this.#run;
    const attributes = {
      ...PIPELINE,
      'cicd.pipeline.action.name': 'BUILD',
      'cicd.pipeline.run.id': `${process.pid}-${++this.#runCount}`,
    };
    const kind = this.#api.SpanKind.SERVER;
    const span = this.#tracer.startSpan('BUILD glovebox', { startTime: at, kind, attributes }, this.#parent);
    const context = this.#api.trace.setSpan(this.#parent, span);
    this.#meters.active.add(1, { ...PIPELINE, 'cicd.pipeline.run.state': 'executing' });
    this.#run = { span, context, began: at, results: new Set() };
    return this.#run;
  }

  #end(at: number, otherwise = 'success'): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    for (const span of this.#tasks.values()) span.end(at);
    this.#tasks.clear();
    const result = ['failure', 'cancellation'].find(one => run.results.has(one)) ?? otherwise;
    run.span.setAttribute('cicd.pipeline.result', result);
    if (result !== 'success') run.span.setStatus({ code: this.#api.SpanStatusCode.ERROR });
    run.span.end(at);
    const state = { ...PIPELINE, 'cicd.pipeline.run.state': 'executing' };
    this.#meters.active.add(-1, state);
    this.#meters.duration.record((at - run.began) / 1000, { ...state, 'cicd.pipeline.result': result });
  }

  #beginTask(target: string, at: number): void {
    const run = this.#begin(at);
    if (this.#tasks.has(target)) return;
    const attributes = {
      ...PIPELINE,
      'cicd.pipeline.task.name': target,
      'cicd.pipeline.task.type': 'build',
      'cicd.pipeline.task.run.id': `${process.pid}-${this.#runCount}-${target}`,
    };
    this.#tasks.set(target, this.#tracer.startSpan(target, { startTime: at, attributes }, run.context));
  }

  #endTask(event: BuildEvent & { target: string }, result: string, attributes: Attributes = {}): void {
    this.#run?.results.add(result);
    const span = this.#tasks.get(event.target);
    this.#tasks.delete(event.target);
    span?.setAttributes({ 'cicd.pipeline.task.run.result': result, ...attributes });
    span?.end(event.at);
  }
}

function instruments(meter: Meter) {
  return {
    duration: meter.createHistogram('cicd.pipeline.run.duration', {
      unit: 's',
      description: 'Duration of a build.',
      advice: { explicitBucketBoundaries: [0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800] },
    }),
    active: meter.createUpDownCounter('cicd.pipeline.run.active', {
      unit: '{run}',
      description: 'Running builds.',
    }),
    errors: meter.createCounter('cicd.pipeline.run.errors', {
      unit: '{error}',
      description: 'Targets that failed.',
    }),
    targets: meter.createCounter('glovebox.build.targets', {
      unit: '{target}',
      description: 'Built targets by the source of their firmware.',
    }),
  };
}

// Read here, because the SDK's own propagator depends on its setup.
function parentOf({ ROOT_CONTEXT, trace }: Api, incoming: string | undefined): TraceContext {
  const [, traceId, spanId, flags] =
    /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(incoming ?? '') ?? [];
  if (traceId === undefined || spanId === undefined) return ROOT_CONTEXT;
  const traceFlags = Number.parseInt(flags!, 16);
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}
