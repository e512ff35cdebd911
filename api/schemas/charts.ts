import { Type } from 'typebox';
import { chartNames } from '../../domain/charts.js';
import { closed, instant, nullable, oneOf } from './common.js';
import { named } from './names.js';

const count = Type.Integer({ minimum: 0 });
const number = Type.Number({ minimum: 0 });

export const chartParams = { chart: oneOf(chartNames) };
export const chartQuery = {
  /** RFC 3339; the last 24 hours where they are left out. */
  from: Type.Optional(Type.String()),
  to: Type.Optional(Type.String()),
};

/** Figures over spans of time of one length. */
export const chart = named(
  'chart',
  closed({
    /** Of `values`. */
    unit: oneOf(['count', 'milliseconds']),
    spanMs: count,
    /** Of each span, in UTC. */
    begins: Type.Array(instant),
    /** A value for each span; null: nothing is known of it. */
    lines: Type.Array(closed({ name: Type.String(), values: Type.Array(nullable(number)) })),
    /** Over the whole time, of what takes time. */
    percentiles: Type.Array(closed({ name: Type.String(), count, p50Ms: number, p95Ms: number, maxMs: number })),
  }),
);
