import test from 'ava';
import { CircuitBreaker, MAX_RETRY_AFTER_MS } from '../../../src/cache/remote/circuit-breaker.ts';

class Clock {
  time = 0;
  readonly now = () => this.time;
}

function broken(clock: Clock): CircuitBreaker {
  const breaker = new CircuitBreaker({ now: clock.now });
  for (let count = 0; count < 3; count++) breaker.begin()?.failed();
  return breaker;
}

test('three failures in a row open the circuit, two and a success do not', t => {
  const breaker = new CircuitBreaker();
  breaker.begin()?.failed();
  breaker.begin()?.failed();
  breaker.begin()?.succeeded();
  breaker.begin()?.failed();
  breaker.begin()?.failed();
  t.is(breaker.state, 'closed');
  breaker.begin()?.failed();
  t.is(breaker.state, 'open');
  t.is(breaker.begin(), undefined);
});

test('after 30 s one request passes, and decides for all', t => {
  const clock = new Clock();
  const breaker = broken(clock);
  clock.time = 29_999;
  t.is(breaker.begin(), undefined);
  clock.time = 30_000;
  const probe = breaker.begin();
  t.is(breaker.begin(), undefined);
  probe?.failed();
  t.is(breaker.state, 'open');
  clock.time = 60_000;
  const next = breaker.begin();
  next?.succeeded();
  t.is(breaker.state, 'closed');
  t.is(breaker.failures, 0);
});

test('a probe that ends for another reason leaves the circuit half-open', t => {
  const clock = new Clock();
  const breaker = broken(clock);
  clock.time = 30_000;
  breaker.begin()?.abandoned();
  t.is(breaker.state, 'half-open');
  t.truthy(breaker.begin());
});

test('one answer with Retry-After opens it for as long, within limits', t => {
  const clock = new Clock();
  const breaker = new CircuitBreaker({ now: clock.now });
  breaker.begin()?.failed(1000);
  t.is(breaker.state, 'open');
  clock.time = 1000;
  t.is(breaker.state, 'half-open');
  breaker.begin()?.failed(Number.MAX_VALUE);
  clock.time += MAX_RETRY_AFTER_MS;
  t.is(breaker.state, 'half-open');
});

test('a success of a request from before it opened does not close it, nor does a failure shorten the pause', t => {
  const clock = new Clock();
  const breaker = new CircuitBreaker({ now: clock.now });
  const [first, second, third] = [breaker.begin(), breaker.begin(), breaker.begin()];
  first?.failed(60_000);
  second?.succeeded();
  t.is(breaker.state, 'open');
  third?.failed(1000);
  clock.time = 59_999;
  t.is(breaker.state, 'open');
});

test('an attempt ends once', t => {
  const breaker = new CircuitBreaker();
  const attempt = breaker.begin();
  for (let count = 0; count < 5; count++) attempt?.failed();
  t.is(breaker.failures, 1);
});

test('a disabled circuit stays disabled', t => {
  const clock = new Clock();
  const breaker = new CircuitBreaker({ now: clock.now });
  breaker.turnOff();
  clock.time = 1e9;
  t.is(breaker.state, 'off');
  t.is(breaker.begin(), undefined);
});
