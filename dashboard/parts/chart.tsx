import { useEffect, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import { count, dateAndTime, timeLabels } from '../format.js';

export interface Series {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

interface ChartProps {
  readonly title: string;
  /** Seconds since the epoch. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  /** How a value is written; a count where it is left out. */
  readonly format?: (value: number) => string;
}

const HEIGHT = 180;
/** Of the style sheet. */
const COLOURS = 8;

/** Lines over time, and the same numbers as a table: a canvas says nothing to a screen reader. */
export function Chart({ title, times, series, format = count }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLUListElement>(null);
  const text = JSON.stringify([times, series]);
  useEffect(() => {
    let chart: uPlot | undefined;
    let isGone = false;
    const draw = async () => {
      // Only pages with charts load it.
      const { default: Plot } = await import('uplot');
      if (isGone || !place.current || !legend.current) return;
      chart?.destroy();
      const data = [times, ...series.map(({ values }) => values)] as unknown as uPlot.AlignedData;
      const strokes = [...legend.current.querySelectorAll('i')].map(strokeOf);
      chart = new Plot(optionsOf(strokes, place.current.clientWidth, format), data, place.current);
    };
    void draw();
    // Colours are drawn, and follow nothing by themselves.
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const redraw = () => void draw();
    dark.addEventListener('change', redraw);
    addEventListener('theme', redraw);
    return () => {
      isGone = true;
      dark.removeEventListener('change', redraw);
      removeEventListener('theme', redraw);
      chart?.destroy();
    };
  }, [text]);
  return (
    <figure>
      <figcaption>{title}</figcaption>
      <div ref={place} class="chart" aria-hidden="true" />
      <ul ref={legend} class="legend" aria-hidden="true" hidden={series.length < 2}>
        {series.map(({ name }, index) => (
          <li key={name}>
            <i class={`line-${index % COLOURS}${index % 2 === 1 ? ' dashed' : ''}`} /> {name}
          </li>
        ))}
      </ul>
      <Numbers {...{ title, times, series, format }} />
    </figure>
  );
}

/** The same numbers, for whoever sees no lines. */
function Numbers({ title, times, series, format }: Required<ChartProps>) {
  return (
    <details>
      <summary>Show numbers</summary>
      <div class="scroll" role="region" aria-label={title} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">From (UTC)</th>
              {series.map(({ name }) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {times.map((time, index) => (
              <tr key={time}>
                <th scope="row">{dateAndTime(new Date(time * 1000).toISOString())}</th>
                {series.map(({ name, values }) => (
                  <td key={name} class="number">
                    {values[index] === null || values[index] === undefined ? '–' : format(values[index])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

interface Stroke {
  readonly colour: string;
  readonly isDashed: boolean;
}

/** Lines are drawn as the legend shows them, whose colours come from the style sheet. */
const strokeOf = (sample: Element): Stroke => ({
  colour: getComputedStyle(sample).borderTopColor,
  isDashed: sample.classList.contains('dashed'),
});

function optionsOf(strokes: readonly Stroke[], width: number, format: (value: number) => string): uPlot.Options {
  const style = getComputedStyle(document.querySelector('.probe') ?? document.body);
  const [text, grid] = [style.color, style.borderTopColor];
  const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
  return {
    width: Math.max(width, 200),
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    tzDate: (seconds) => utc(seconds),
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max)] } },
    axes: [
      { ...axis, values: (_plot, values) => timeLabels(values) },
      { ...axis, size: 60, values: (_plot, values) => values.map(format) },
    ],
    series: [
      {},
      ...strokes.map(({ colour, isDashed }) => ({
        ...{ stroke: colour, width: 2 },
        points: { show: true, size: 4, stroke: colour, fill: colour, filter: alone },
        ...(isDashed && { dash: [6, 4] }),
      })),
    ],
  };
}

/** Values between two unknown ones: no line leads to them. */
function alone(plot: uPlot, index: number): number[] {
  const values = plot.data[index] ?? [];
  const isKnown = (at: number) => values[at] !== null && values[at] !== undefined;
  return [...values.keys()].filter((at) => isKnown(at) && !isKnown(at - 1) && !isKnown(at + 1));
}

/** The library shows local time: this is UTC under the name of local time. */
function utc(seconds: number): Date {
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() + date.getTimezoneOffset() * 60_000);
}
