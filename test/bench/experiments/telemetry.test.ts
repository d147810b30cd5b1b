import test from 'ava';
import { summarizeTelemetry } from '../../../bench/experiments/telemetry.ts';
import type { TelemetryReply } from '../../../bench/programs/telemetry.ts';

const WAY = { plain: [1, 2, 4], traced: [1, 3, 4], subscribed: [5, 5, 5] };
const REPLY: TelemetryReply = { get: WAY, getSync: WAY, borrow: WAY };

test('a read that can be traced is compared with the one measured beside it', t => {
  const { table } = summarizeTelemetry(REPLY);
  t.is(table.length, 4);
  t.deepEqual(table[1], ['get', '2.0 µs', '3.0 µs', '1.0× (1.0–1.5)', '5.0 µs']);
});
