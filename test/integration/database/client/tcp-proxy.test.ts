import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { TcpProxy } from '../../../../dev/testing/tcp-proxy.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { createDatabase } from '../../../../dev/testing/postgres.js';

describe('the proxy in front of a database', () => {
  let url: string;
  let proxy: TcpProxy;
  const clients: pg.Client[] = [];
  beforeAll(async () => {
    url = await createDatabase();
    proxy = await TcpProxy.start(url);
  });
  afterAll(async () => await proxy.stop());
  afterEach(() => {
    proxy.speak();
    proxy.delay(0);
    for (const client of clients.splice(0)) client.connection.stream.destroy();
  });

  const connected = async (through = proxy.url) => {
    const client = new pg.Client({ connectionString: through });
    client.on('error', () => undefined);
    clients.push(client);
    await client.connect();
    return client;
  };
  /** What has become of a promise by now. */
  const stateOf = async (promise: Promise<unknown>) =>
    await Promise.race([
      promise.then(
        () => 'fulfilled',
        () => 'rejected',
      ),
      new Promise<string>((resolve) => setImmediate(() => resolve('pending'))),
    ]);
  const sessionOf = async (client: pg.Client) => {
    const { rows } = await client.query<{ pid: number; port: number }>(
      'select pid, client_port as port from pg_stat_activity where pid = pg_backend_pid()',
    );
    return rows[0]!;
  };

  test('the proxy passes on what both sides say', async () => {
    const client = await connected();
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('the proxy holds open and new connections while it is silent, and passes on afterwards what was sent', async () => {
    const [client, direct] = [await connected(), await connected(url)];
    const answered = client.query('select 1');
    await answered;
    proxy.silence();
    const held = client.query('create table sent_in_silence ()');
    const connecting = connected();
    await direct.query('select pg_sleep(0.2)');
    expect([await stateOf(held), await stateOf(connecting)]).toEqual(['pending', 'pending']);
    expect((await direct.query(`select to_regclass('sent_in_silence') as found`)).rows).toEqual([{ found: null }]);
    proxy.speak();
    await held;
    await connecting;
  });

  test('the proxy can lose what was sent in its silence: those connections stay open and never answer', async () => {
    const [client, direct] = [await connected(), await connected(url)];
    proxy.silence();
    const lost = client.query('select 1');
    lost.catch(() => undefined);
    proxy.speak('lost');
    await (await connected()).query('select 1');
    await direct.query('select pg_sleep(0.2)');
    expect(await stateOf(lost)).toBe('pending');
    expect(client.connection.stream.destroyed).toBe(false);
  });

  test('a connection that is lost ends at both sides when these notice, and no other does', async () => {
    const [client, direct] = [await connected(), await connected(url)];
    const { pid } = await sessionOf(client);
    const ended = new Promise((resolve) => client.once('end', () => resolve('ended')));
    proxy.silence();
    proxy.speak('lost');
    const fresh = await connected();
    proxy.expireLost();
    expect(await ended).toBe('ended');
    await eventually(async () => {
      const { rows } = await direct.query('select from pg_stat_activity where pid = $1', [pid]);
      return rows.length === 0;
    });
    expect((await fresh.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('the proxy cuts one client without telling the server, which the session outlives', async () => {
    const [client, other, direct] = [await connected(), await connected(), await connected(url)];
    const { pid, port } = await sessionOf(client);
    proxy.connectionAt(port).cut();
    const lost = client.query('select 1');
    lost.catch(() => undefined);
    client.connection.stream.destroy();
    await other.query('select 1');
    const { rows } = await direct.query('select state from pg_stat_activity where pid = $1', [pid]);
    expect(rows).toEqual([{ state: 'idle' }]);
  });

  test('the proxy cuts a client once the server has got the statement that was named', async () => {
    const [client, direct] = [await connected(), await connected(url)];
    const cut = proxy.cutOnce(/create table cut_here/);
    await client.query('begin');
    const lost = client.query('create table cut_here ()');
    lost.catch(() => undefined);
    await cut;
    await eventually(async () => {
      const { rows } = await direct.query(`select 1 from pg_stat_activity
        where state = 'idle in transaction' and query like 'create table cut_here%'`);
      return rows.length === 1;
    });
    expect(await stateOf(lost)).toBe('pending');
  });

  test('the proxy cuts a client before the server gets the statement that was named', async () => {
    const [client, other, direct] = [await connected(), await connected(), await connected(url)];
    const cut = proxy.cutOnce(/commit/, 'lost');
    await client.query('begin');
    const { pid } = await sessionOf(client);
    client.query('commit').catch(() => undefined);
    await cut;
    await other.query('begin');
    await other.query('commit');
    const { rows } = await direct.query('select state from pg_stat_activity where pid = $1', [pid]);
    expect(rows).toEqual([{ state: 'idle in transaction' }]);
  });

  test('the proxy delays each way', async () => {
    const client = await connected();
    proxy.delay(100);
    const begun = performance.now();
    await client.query('select 1');
    // Two timers, each of which may fire a millisecond early.
    expect(performance.now() - begun).toBeGreaterThanOrEqual(198);
  });

  test('the proxy resets every connection', async () => {
    const client = await connected();
    const reset = client.query('select pg_sleep(60)');
    proxy.resetAll();
    await expect(reset).rejects.toThrow(/ECONNRESET|terminated/);
  });
});
