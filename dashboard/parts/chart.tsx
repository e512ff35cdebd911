import { useEffect, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import { count, dateAndTime } from '../format.js';

export interface Series {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

interface ChartProps {
  readonly title: string;
  /** Seconds since the epoch. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
}

const HEIGHT = 180;

/** Lines over time, and the same numbers as a table: a canvas says nothing to a screen reader. */
export function Chart({ title, times, series }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const text = JSON.stringify([times, series]);
  useEffect(() => {
    let chart: uPlot | undefined;
    let isGone = false;
    const draw = async () => {
      // Only pages with charts load it.
      const { default: Plot } = await import('uplot');
      if (isGone || !place.current) return;
      chart?.destroy();
      const data = [times, ...series.map(({ values }) => values)] as unknown as uPlot.AlignedData;
      chart = new Plot(optionsOf(series, place.current.clientWidth), data, place.current);
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
      <details>
        <summary>Show numbers</summary>
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
                    {count(values[index])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

function optionsOf(series: readonly Series[], width: number): uPlot.Options {
  const style = getComputedStyle(document.querySelector('.probe') ?? document.body);
  const [text, line, grid] = [style.color, style.outlineColor, style.borderTopColor];
  const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
  return {
    width: Math.max(width, 200),
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    tzDate: (seconds) => utc(seconds),
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max)] } },
    axes: [axis, { ...axis, size: 45 }],
    series: [{}, ...series.map(({ name }) => ({ label: name, stroke: line, width: 2, points: { show: false } }))],
  };
}

/** The library shows local time: this is UTC under the name of local time. */
function utc(seconds: number): Date {
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() + date.getTimezoneOffset() * 60_000);
}
