/** The simulator's own page: what exists, and how often each call came. One document, nothing loaded from elsewhere. */
export const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Simulator</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222; }
  h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: right; padding: .25rem .75rem; border-bottom: 1px solid #ddd; }
  th:first-child, td:first-child { text-align: left; }
  #stale { color: #a00; }
</style>
<h1>Simulator</h1>
<p>A cloud, a task queue and machines on this computer. No cloud is called, and nothing costs money.
  <span id="stale" hidden>The simulator does not answer.</span></p>
<h2>Pools</h2><table id="pools"></table>
<h2>Calls</h2><table id="calls"></table>
<script>
  const states = ['pending', 'running', 'shutting-down', 'stopped', 'terminated'];
  function fill(id, head, rows) {
    const table = document.getElementById(id);
    const line = (tag, cells) => {
      const row = document.createElement('tr');
      for (const cell of cells) row.appendChild(document.createElement(tag)).textContent = cell;
      return row;
    };
    table.replaceChildren(line('th', head), ...rows.map((row) => line('td', row)));
  }
  async function refresh() {
    const stale = document.getElementById('stale');
    try {
      const state = await (await fetch('/simulator/state')).json();
      fill('pools', ['pool', 'pending', 'claimed', 'done', 'registered', ...states.map((s) => 'machines ' + s)],
        Object.entries(state.pools).sort().map(([id, p]) => [id, p.pendingTasks, p.claimedTasks, p.completedTasks,
          p.registered, ...states.map((s) => p.machines[s] ?? 0)]));
      fill('calls', ['call', 'outcomes', 'times'],
        Object.entries(state.calls).sort().map(([name, outcomes]) => [name,
          Object.entries(outcomes).map(([outcome, n]) => outcome + ': ' + n).join(', '),
          Object.values(outcomes).reduce((sum, n) => sum + n, 0)]));
      stale.hidden = true;
    } catch {
      stale.hidden = false;
    }
    setTimeout(refresh, 1000);
  }
  refresh();
</script>
</html>
`;
