// Spans and metrics of a build, as a real OTLP receiver gets them.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { inFull } from '../support/extent.ts';
import { MAIN } from '../support/published.ts';
import { config, LEFT, RIGHT } from './corne.ts';
import { runProgram } from './run.ts';

const SETUP = join(import.meta.dirname, 'telemetry-setup.mjs');
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`;

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}
interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes: Attribute[];
  status: { code?: number; message?: string };
}

function attributesOf({ attributes }: { attributes: Attribute[] }): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

/** An OTLP receiver over HTTP, which keeps what it receives. */
async function receiver(t: ExecutionContext) {
  const spans: Span[] = [];
  const metrics = new Map<string, { dataPoints: { attributes: Attribute[] }[] }>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    for (const { scopeSpans } of body.resourceSpans ?? []) {
      for (const scope of scopeSpans) spans.push(...scope.spans);
    }
    for (const { scopeMetrics } of body.resourceMetrics ?? []) {
      for (const scope of scopeMetrics) {
        for (const { name, sum, histogram } of scope.metrics) metrics.set(name, sum ?? histogram);
      }
    }
    response.setHeader('content-type', 'application/json').end('{}');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void server.close());
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { spans, metrics, endpoint };
}

test('a build is one trace with a span for each target, and its compilers get their span as parent', async t => {
  const { spans, metrics, endpoint } = await receiver(t);
  const traceparents: Record<string, string | undefined> = {};
  const { at, rig } = await config(t, {
    onRun: async run => {
      traceparents[run.target.name] = run.environment.TRACEPARENT;
      if (run.target.name === RIGHT) await run.exit(3);
      else await run.succeed();
    },
  });
  const env = { ...at.env, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, TRACEPARENT: PARENT };
  const args = ['--import', SETUP, MAIN, 'build', 'corne'];
  const { status, stderr } = await runProgram(process.execPath, args, { ...at, env });
  t.is(status, 1, stderr);

  t.deepEqual(new Set(spans.map(({ traceId }) => traceId)), new Set([TRACE]));
  const run = spans.find(({ name }) => name === 'BUILD glovebox')!;
  t.is(run.parentSpanId, 'b7ad6b7169203331');
  t.is(run.kind, 2, 'a server, as the conventions want a run to be');
  t.like(attributesOf(run), {
    'cicd.pipeline.name': 'glovebox',
    'cicd.pipeline.action.name': 'BUILD',
    'cicd.pipeline.result': 'failure',
    'glovebox.toolchain': 'command',
  });
  const [left, right] = [LEFT, RIGHT].map(name => spans.find(span => span.name === name)!);
  for (const task of [left!, right!]) {
    t.is(task.parentSpanId, run.spanId);
    t.is(traceparents[task.name], `00-${TRACE}-${task.spanId}-01`);
  }
  t.is(spans.length, 3);
  t.like(attributesOf(left!), {
    'cicd.pipeline.task.name': LEFT,
    'cicd.pipeline.task.type': 'build',
    'cicd.pipeline.task.run.result': 'success',
    'glovebox.target.source': 'compiled',
  });
  t.like(attributesOf(right!), { 'cicd.pipeline.task.run.result': 'failure', 'error.type': 'exit-status' });
  t.is(right!.status.code, 2);

  t.deepEqual([...metrics.keys()].sort(), [
    'cicd.pipeline.run.active',
    'cicd.pipeline.run.duration',
    'cicd.pipeline.run.errors',
    'glovebox.build.targets',
  ]);
  t.like(attributesOf(metrics.get('cicd.pipeline.run.duration')!.dataPoints[0]!), {
    'cicd.pipeline.name': 'glovebox',
    'cicd.pipeline.run.state': 'executing',
    'cicd.pipeline.result': 'failure',
  });

  // Another trace context does not change the firmware.
  t.is(rig.runs, 2);
  const other = { ...env, TRACEPARENT: PARENT.replace(TRACE, 'f'.repeat(32)) };
  await runProgram(process.execPath, args, { ...at, env: other });
  t.is(rig.runs, 3);
  const again = spans.findLast(({ name }) => name === LEFT)!;
  t.is(again.traceId, 'f'.repeat(32));
  t.is(attributesOf(again)['glovebox.target.source'], 'cache');
});

inFull('without OpenTelemetry the compilers get the trace context of the build', async t => {
  const seen: (string | undefined)[] = [];
  const { at } = await config(t, {
    onRun: async run => {
      seen.push(run.environment.TRACEPARENT);
      await run.succeed();
    },
  });
  const env = { ...at.env, TRACEPARENT: PARENT };
  const { status } = await runProgram(process.execPath, [MAIN, 'build', 'corne'], { ...at, env });
  t.is(status, 0);
  t.deepEqual(seen, [PARENT, PARENT]);
});

inFull('an unreachable receiver does not fail the build', async t => {
  const { at } = await config(t, { onRun: run => run.succeed() });
  const env = {
    ...at.env,
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    OTEL_EXPORTER_OTLP_TIMEOUT: '300',
  };
  const args = ['--import', SETUP, MAIN, 'build', 'corne'];
  const { status, stdout } = await runProgram(process.execPath, args, { ...at, env });
  t.is(status, 0);
  t.regex(stdout, /2 compiled/);
});
