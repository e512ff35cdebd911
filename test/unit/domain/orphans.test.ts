import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  decideSweep,
  type KnownLaunch,
  type KnownRow,
  orphanKey,
  ORPHANED_AFTER_MS,
  type PoolWant,
  type SweepFacts,
} from '../../../domain/orphans.js';
import { type TaggedPart, type TaggedThing, thingsOf } from '../../../domain/tagged-things.js';
import { seededRuns } from '../../support/seeded-random.js';

const T = 100_000_000;
const place = { account: null, region: 'here', group: null };
const thing = (workerId: string, changes: Partial<TaggedThing> = {}): TaggedThing => ({
  providerId: 'cloud',
  thingId: `here/${workerId}`,
  workerGroup: 'here',
  workerId,
  location: place,
  steps: ['instance'],
  resourceIds: [],
  isMachine: true,
  launchToken: 'known',
  isOurs: true,
  ...changes,
});
const launch = (changes: Partial<KnownLaunch> = {}): KnownLaunch => ({
  token: 'known',
  providerId: 'cloud',
  workerPoolId: 'proj/pool',
  launchConfigId: 'lc-1',
  location: place,
  capacityPerMachine: 1,
  isUnfinished: false,
  closed: T - ORPHANED_AFTER_MS,
  ...changes,
});
const row = (workerId: string, changes: Partial<KnownRow> = {}): KnownRow => ({
  workerPoolId: 'proj/pool',
  workerGroup: 'here',
  workerId,
  isLive: false,
  stoppedAt: T - ORPHANED_AFTER_MS,
  ...changes,
});
const wants = (capacity: number, room = 100): ReadonlyMap<string, PoolWant> =>
  new Map([
    [
      'proj/pool',
      { providerId: 'cloud', wantedCapacity: capacity, roomCapacity: room, launchConfigIds: ['lc-1'] } as const,
    ],
  ]);
const seenBefore = (things: readonly TaggedThing[], at = T - ORPHANED_AFTER_MS) =>
  new Map(things.map((one) => [orphanKey(one), at]));

type Changes = Partial<SweepFacts> & { things?: readonly TaggedThing[]; isComplete?: boolean };
function facts({ things = [], isComplete = true, ...changes }: Changes): SweepFacts {
  return {
    listings: [{ providerId: 'cloud', isComplete, things }],
    rows: [],
    launches: new Map([['known', launch()]]),
    pools: wants(0),
    openLifecycles: new Set(),
    strayLifecycles: 0,
    firstSeen: seenBefore(things),
    begunAt: T,
    confirmed: null,
    alreadyRemoved: 0,
    ...changes,
  };
}
const verdicts = (changes: Changes) => decideSweep(facts(changes)).orphans.map(({ verdict }) => verdict);

describe('decideSweep: which thing', () => {
  const things = [thing('a')];

  test('decideSweep removes a machine of a known launch that nobody owns or wants', () => {
    expect(decideSweep(facts({ things }))).toMatchObject({ held: [], machines: 1, orphans: [{ verdict: 'remove' }] });
  });

  test('decideSweep leaves a machine with a live row to its lifecycle', () => {
    expect(verdicts({ things, rows: [row('a', { isLive: true, stoppedAt: null })] })).toEqual([]);
  });

  test('decideSweep leaves a machine with an open lifecycle to it, although its row has stopped or is missing', () => {
    const openLifecycles = new Set(['proj/pool/here/a']);
    expect(verdicts({ things, rows: [row('a')], openLifecycles })).toEqual([]);
    expect(verdicts({ things, openLifecycles })).toEqual([]);
  });

  test('decideSweep leaves a machine of an unfinished launch to that', () => {
    expect(verdicts({ things, launches: new Map([['known', launch({ isUnfinished: true })]]) })).toEqual([]);
  });

  test('decideSweep lists what only carries tags and never removes it, whoever confirms', () => {
    const copied = [thing('a', { isOurs: false })];
    expect(verdicts({ things: copied })).toEqual(['tagged']);
    expect(verdicts({ things: copied, confirmed: 10 })).toEqual(['tagged']);
  });

  test('decideSweep takes what is not where its launch requested it for a copy, whatever its name and its tags say', () => {
    const azure = { account: 'subscription', region: 'here', group: 'ours' };
    const launches = new Map([['known', launch({ location: azure })]]);
    const at = (location: TaggedThing['location']) => [thing('a', { location })];
    expect(verdicts({ things: at({ ...azure, group: 'OURS' }), launches })).toEqual(['remove']);
    for (const changed of [{ group: 'theirs' }, { account: 'another' }]) {
      expect(verdicts({ things: at({ ...azure, ...changed }), launches, confirmed: 5 })).toEqual(['tagged']);
    }
    expect(verdicts({ things: at({ ...place, region: 'elsewhere' }), confirmed: 5 })).toEqual(['tagged']);
  });

  test('decideSweep believes the live row when a worker that has stopped had the same name', () => {
    const live = row('a', { isLive: true, stoppedAt: null });
    expect(verdicts({ things, rows: [live, row('a')] })).toEqual([]);
    expect(verdicts({ things, rows: [row('a'), live] })).toEqual([]);
  });

  test('decideSweep waits until a thing was without an owner in two complete lists', () => {
    expect(verdicts({ things, firstSeen: new Map() })).toEqual(['young']);
  });

  test('decideSweep waits until five minutes after the last owner is gone', () => {
    expect(verdicts({ things, launches: new Map([['known', launch({ closed: T - ORPHANED_AFTER_MS + 1 })]]) })).toEqual(
      ['young'],
    );
    expect(verdicts({ things, rows: [row('a', { stoppedAt: T - 1 })] })).toEqual(['young']);
  });

  test('decideSweep counts five minutes from the first sight when nothing tells of an owner', () => {
    const launches = new Map([['known', launch({ closed: null })]]);
    expect(verdicts({ things, launches })).toEqual(['remove']);
    expect(verdicts({ things, launches, firstSeen: seenBefore(things, T - 1) })).toEqual(['young']);
  });

  test('decideSweep takes a thing that two providers of one account list for one', () => {
    const own = thing('a');
    const elsewhere = thing('a', { providerId: 'another' });
    const listings = [
      { providerId: 'another', isComplete: true, things: [elsewhere] },
      { providerId: 'cloud', isComplete: true, things: [own] },
    ];
    const { orphans, machines } = decideSweep(facts({ listings, firstSeen: seenBefore([own]) }));
    expect([orphans.map((orphan) => orphan.thing.providerId), machines]).toEqual([['cloud'], 1]);
  });
});

describe('decideSweep: adoption', () => {
  const things = [thing('a'), thing('b'), thing('c')];

  test('decideSweep adopts as many machines as the pool wants and removes the others', () => {
    expect(verdicts({ things, pools: wants(2) }).toSorted()).toEqual(['adopt', 'adopt', 'remove']);
  });

  test('decideSweep adopts no machine that would pass the pool’s room', () => {
    const launches = new Map([['known', launch({ capacityPerMachine: 4 })]]);
    expect(verdicts({ things, launches, pools: wants(12, 7) }).toSorted()).toEqual(['adopt', 'remove', 'remove']);
  });

  test('decideSweep adopts nothing of an archived launch config, or of a pool with another provider', () => {
    const pool = wants(3).get('proj/pool')!;
    for (const changed of [{ launchConfigIds: [] }, { providerId: 'another' }]) {
      expect(verdicts({ things, pools: new Map([['proj/pool', { ...pool, ...changed }]]) })).toEqual(
        Array.from({ length: 3 }, () => 'remove'),
      );
    }
  });

  test('decideSweep removes the machine of a worker that has stopped, although its pool wants capacity', () => {
    expect(verdicts({ things: [thing('a')], rows: [row('a')], pools: wants(1) })).toEqual(['remove']);
  });

  test('decideSweep adopts while removals are held', () => {
    const { held, orphans } = decideSweep(facts({ things, pools: wants(1), strayLifecycles: 1 }));
    expect(held).toEqual(['lifecycles without rows']);
    expect(orphans.map(({ verdict }) => verdict).toSorted()).toEqual(['adopt', 'held', 'held']);
  });
});

describe('decideSweep: the fuse', () => {
  const things = [thing('a')];
  const heldBy = (changes: Changes) => {
    const { held, orphans } = decideSweep(facts({ things, ...changes }));
    return [held, orphans.map(({ verdict }) => verdict)];
  };
  const unknown = thing('x', { launchToken: 'never heard of' });

  test.each<[string, Changes]>([
    ['unread lifecycles', { openLifecycles: null }],
    ['lifecycles without rows', { strayLifecycles: 1 }],
  ])('decideSweep removes nothing because of %s', (reason, changes) => {
    expect(heldBy(changes)).toEqual([[reason], ['held']]);
  });

  test('decideSweep removes nothing while one provider’s list is incomplete, and what it lists itself stays young', () => {
    const other = { providerId: 'other', isComplete: false, things: [thing('b', { providerId: 'other' })] };
    const listings = [{ providerId: 'cloud', isComplete: true, things }, other];
    const firstSeen = seenBefore([...things, ...other.things]);
    const { held, orphans } = decideSweep(facts({ listings, firstSeen }));
    expect(held).toEqual(['incomplete list']);
    expect(orphans.map(({ thing: { workerId }, verdict }) => [workerId, verdict])).toEqual([
      ['a', 'held'],
      // Whoever lists it is not yet certain.
      ['b', 'young'],
    ]);
  });

  test('decideSweep removes nothing when one machine is of an unknown launch', () => {
    expect(heldBy({ things: [...things, unknown], firstSeen: seenBefore([...things, unknown]) })).toEqual([
      ['unknown machines'],
      ['held', 'unknown'],
    ]);
  });

  test('decideSweep goes on when a resource that is no machine is of an unknown launch, and leaves that', () => {
    const disk = { ...unknown, isMachine: false };
    expect(heldBy({ things: [...things, disk] })).toEqual([[], ['remove', 'unknown']]);
  });

  test('decideSweep removes ten at once, and not one more, of few machines', () => {
    const many = (count: number) => Array.from({ length: count }, (_, nth) => thing(`m${nth}`));
    expect(decideSweep(facts({ things: many(10) })).held).toEqual([]);
    expect(decideSweep(facts({ things: many(11) })).held).toEqual(['too many']);
  });

  test('decideSweep removes one in twenty of many machines', () => {
    const all = Array.from({ length: 400 }, (_, nth) => thing(`m${nth}`));
    const rows = (orphans: number) => all.slice(orphans).map(({ workerId }) => row(workerId, { isLive: true }));
    expect(decideSweep(facts({ things: all, rows: rows(20) })).held).toEqual([]);
    expect(decideSweep(facts({ things: all, rows: rows(21) })).held).toEqual(['too many']);
  });

  test('decideSweep that is confirmed removes what is unknown too, the oldest first and no more than was confirmed', () => {
    const all = [...things, unknown, thing('y', { launchToken: null })];
    const firstSeen = new Map([
      ...seenBefore([unknown], T - 3 * ORPHANED_AFTER_MS),
      ...seenBefore([all[2]!], T - 2 * ORPHANED_AFTER_MS),
      ...seenBefore(things),
    ]);
    expect(verdicts({ things: all, firstSeen, confirmed: 2 })).toEqual(['remove', 'remove', 'held']);
  });

  test('decideSweep that is repeated counts what its earlier attempts have removed', () => {
    const many = ['a', 'b', 'c'].map((id) => thing(id));
    expect(verdicts({ things: many, confirmed: 3, alreadyRemoved: 1 })).toEqual(['remove', 'remove', 'held']);
    expect(verdicts({ things: many, confirmed: 3, alreadyRemoved: 4 })).toEqual(['held', 'held', 'held']);
    expect(decideSweep(facts({ things: many, alreadyRemoved: 7 })).held).toEqual([]);
    expect(decideSweep(facts({ things: many, alreadyRemoved: 8 })).held).toEqual(['too many']);
  });

  test('decideSweep that is confirmed removes nothing that is young, or while a list is incomplete', () => {
    expect(verdicts({ things: [unknown], firstSeen: new Map(), confirmed: 5 })).toEqual(['unknown']);
    expect(verdicts({ things: [unknown], isComplete: false, confirmed: 5 })).toEqual(['unknown']);
    expect(verdicts({ things, openLifecycles: null, confirmed: 5 })).toEqual(['held']);
  });
});

describe('thingsOf', () => {
  const part = (resourceId: string, changes: Partial<TaggedPart> = {}): TaggedPart => ({
    ...{ workerGroup: 'here', workerId: 'vm-1', location: place, resourceId, step: resourceId },
    ...{ isMachine: resourceId === 'vm', launchToken: 'known', isOurs: true },
    ...changes,
  });

  test('thingsOf puts the resources of one machine together', () => {
    const [own, ...others] = thingsOf('cloud', [part('nic'), part('vm'), part('disk', { exactly: ['/disk'] })]);
    expect(own).toMatchObject({ thingId: 'here/vm-1', isMachine: true, steps: ['nic', 'vm', 'disk'] });
    expect([own!.resourceIds, others]).toEqual([['/disk'], []]);
  });

  test('thingsOf keeps resources of one name in two groups apart, and takes a group’s name in any case for one', () => {
    const at = (group: string) => ({ location: { account: 'a', region: 'here', group } });
    const found = thingsOf('cloud', [part('vm', at('Ours')), part('nic', at('ours')), part('copy', at('theirs'))]);
    expect(found.map(({ thingId, steps }) => [thingId, steps])).toEqual([
      ['a/ours/vm-1', ['vm', 'nic']],
      ['a/theirs/vm-1', ['copy']],
    ]);
  });

  test('thingsOf lets what is not provably ours stand for itself', () => {
    const found = thingsOf('cloud', [part('vm'), part('copy', { isOurs: false, isMachine: true })]);
    expect(found.map(({ thingId, isOurs }) => [thingId, isOurs])).toEqual([
      ['here/vm-1', true],
      ['copy', false],
    ]);
  });
});

/** Any state of the world, with few names so that they meet. */
const anyFacts: fc.Arbitrary<SweepFacts> = fc
  .record({
    things: fc.uniqueArray(
      fc.record({
        workerId: fc.nat({ max: 30 }).map((id) => `m${id}`),
        launchToken: fc.constantFrom('known', 'open', 'lost', null),
        isOurs: fc.boolean(),
        isMachine: fc.boolean(),
      }),
      { selector: ({ workerId }) => workerId, maxLength: 30 },
    ),
    live: fc.array(fc.nat({ max: 30 })),
    stopped: fc.array(fc.nat({ max: 30 })),
    lifecycles: fc.option(fc.array(fc.nat({ max: 30 }))),
    isComplete: fc.boolean(),
    strayLifecycles: fc.nat({ max: 1 }),
    capacity: fc.integer({ min: 1, max: 4 }),
    want: fc.nat({ max: 20 }),
    room: fc.integer({ min: -5, max: 20 }),
    age: fc.nat({ max: 2 * ORPHANED_AFTER_MS }),
    confirmed: fc.option(fc.nat({ max: 5 })),
    alreadyRemoved: fc.nat({ max: 3 }),
  })
  .map((world) => {
    const things = world.things.map(({ workerId, ...others }) => thing(workerId, others));
    return facts({
      ...{ things, isComplete: world.isComplete, strayLifecycles: world.strayLifecycles, confirmed: world.confirmed },
      alreadyRemoved: world.alreadyRemoved,
      rows: [
        ...world.stopped.map((id) => row(`m${id}`, { stoppedAt: T - world.age })),
        ...world.live.map((id) => row(`m${id}`, { isLive: true, stoppedAt: null })),
      ],
      launches: new Map([
        ['known', launch({ capacityPerMachine: world.capacity, closed: T - world.age })],
        ['open', launch({ token: 'open', isUnfinished: true })],
      ]),
      pools: wants(world.want, world.room),
      openLifecycles: world.lifecycles && new Set(world.lifecycles.map((id) => `proj/pool/here/m${id}`)),
      firstSeen: seenBefore(things, T - world.age),
    });
  });

describe('decideSweep: properties', () => {
  const always = (holds: (given: SweepFacts, decided: ReturnType<typeof decideSweep>) => void) =>
    fc.assert(
      fc.property(anyFacts, (given) => holds(given, decideSweep(given))),
      seededRuns,
    );

  test('decideSweep removes and adopts only what is ours, proven, and without an owner', () => {
    always((given, { orphans }) => {
      const live = new Set(given.rows.filter(({ isLive }) => isLive).map(({ workerId }) => workerId));
      for (const { thing: one, verdict, since, firstSeen } of orphans) {
        if (verdict !== 'remove' && verdict !== 'adopt') continue;
        expect(one.isOurs).toBe(true);
        expect(live.has(one.workerId)).toBe(false);
        expect(one.launchToken).not.toBe('open');
        expect(given.begunAt - since).toBeGreaterThanOrEqual(ORPHANED_AFTER_MS);
        expect(firstSeen).toBeLessThan(given.begunAt);
        expect(given.listings[0]!.isComplete).toBe(true);
        if (one.launchToken === 'known')
          expect(given.openLifecycles?.has(`proj/pool/here/${one.workerId}`)).toBe(false);
      }
    });
  });

  test('decideSweep removes nothing of an unknown launch that nobody confirmed, and nothing while anything holds it', () => {
    always((given, { orphans, held }) => {
      const removed = orphans.filter(({ verdict }) => verdict === 'remove');
      if (given.confirmed === null) {
        for (const { launch: known } of removed) expect(known).not.toBeNull();
        if (held.length > 0) expect(removed).toEqual([]);
      } else expect(removed.length).toBeLessThanOrEqual(Math.max(0, given.confirmed - given.alreadyRemoved));
    });
  });

  test('decideSweep adopts no more than the pool has room for', () => {
    always((given, { orphans }) => {
      const { capacityPerMachine } = given.launches.get('known')!;
      const adopted = orphans.filter(({ verdict }) => verdict === 'adopt').length * capacityPerMachine;
      const { roomCapacity, wantedCapacity } = given.pools.get('proj/pool')!;
      expect(adopted).toBeLessThanOrEqual(Math.max(0, roomCapacity));
      if (adopted > 0) expect(adopted - capacityPerMachine).toBeLessThan(wantedCapacity);
    });
  });

  test('decideSweep gives every thing without an owner one verdict, and no other thing any', () => {
    always((given, { orphans }) => {
      const keys = orphans.map(({ thing: one }) => orphanKey(one));
      expect(new Set(keys).size).toBe(keys.length);
      const listed = new Set(given.listings.flatMap(({ things }) => things.map(orphanKey)));
      expect(keys.every((key) => listed.has(key))).toBe(true);
    });
  });
});
