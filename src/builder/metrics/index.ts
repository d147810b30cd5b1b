// Metrics: what the running build did, in memory.
export type { MetricsSnapshot, TargetMetrics, TargetResult, Totals } from './metrics.ts';
export { createMetricsService, METRICS_TAG, MetricsService, type MetricsServiceOptions } from './service.ts';
