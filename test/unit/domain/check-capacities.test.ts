import { describe, expect, test } from '@jest/globals';
import { checkCapacities } from '../../../domain/check-capacities.js';

const config = (launchConfigId: string, capacityPerInstance: number, fields: object = {}) => ({
  launchConfigId,
  configuration: { workerManager: { capacityPerInstance, ...fields } },
});
const fine = { refusal: null, remarks: [] };

describe('checkCapacities', () => {
  test.each([
    ['that fit exactly', 8, [config('a', 4)]],
    ['that one machine meets', 4, [config('a', 4)]],
    ['of machines of one', 7, [config('a', 1)]],
    ['that only a mixture of machines meets', 7, [config('a', 4), config('b', 3)]],
    ['with the maximum 0, which means none', 0, [config('a', 4)]],
    ['without a maximum, which means none', undefined, [config('a', 4)]],
    ['without launch configs', 3, []],
    ['of a launch config that is switched off by its maximum', 3, [config('a', 4, { maxCapacity: 0 })]],
    ['of a launch config that is switched off by its weight', 3, [config('a', 4, { initialWeight: 0 })]],
    ['of a launch config that says nothing', 3, [{ launchConfigId: 'a', configuration: {} }]],
    ['of a launch config whose own maximum fits', 8, [config('a', 4, { maxCapacity: 4 })]],
  ])('capacities %s are accepted without a remark', (_case, maxCapacity, launchConfigs) => {
    expect(checkCapacities(maxCapacity === undefined ? {} : { maxCapacity }, launchConfigs)).toEqual(fine);
  });

  test('capacities are rejected when the maximum is below the smallest machine', () => {
    expect(checkCapacities({ maxCapacity: 3 }, [config('a', 8), config('b', 4)])).toEqual({
      refusal: 'maxCapacity 3 is below the capacity of its smallest machine, 4',
      remarks: [],
    });
  });

  test("capacities are rejected when a launch config's own maximum is below one of its machines", () => {
    expect(checkCapacities({ maxCapacity: 9 }, [config('a', 4, { maxCapacity: 3 }), config('b', 2)])).toEqual({
      refusal: 'launch config a: maxCapacity 3 is below the capacity of one machine, 4',
      remarks: [],
    });
  });

  test('capacities are rejected for all reasons at once', () => {
    const { refusal } = checkCapacities({ maxCapacity: 3 }, [config('a', 4, { maxCapacity: 2 })]);
    expect(refusal).toBe(
      'maxCapacity 3 is below the capacity of its smallest machine, 4; launch config a: maxCapacity 2 is below the capacity of one machine, 4',
    );
  });

  test('capacities are remarked on when the maximum is no multiple of the machines', () => {
    expect(checkCapacities({ maxCapacity: 50 }, [config('a', 4), config('b', 8)])).toEqual({
      refusal: null,
      remarks: ["maxCapacity 50 is no multiple of 4, the unit of its machines' capacities: at most 48 is launched"],
    });
  });

  test("capacities are remarked on when a launch config's own maximum is no multiple of its machine", () => {
    expect(checkCapacities({ maxCapacity: 8 }, [config('a', 4, { maxCapacity: 6 })])).toEqual({
      refusal: null,
      remarks: [
        'launch config a: maxCapacity 6 is no multiple of 4, the capacity of one machine: at most 4 is launched',
      ],
    });
  });

  test('capacities are remarked on when one launch config is too large for the pool and another is not', () => {
    expect(checkCapacities({ maxCapacity: 6 }, [config('a', 8), config('b', 2)])).toEqual({
      refusal: null,
      remarks: ["launch config a is never used: the capacity of one machine, 8, is above the pool's maxCapacity 6"],
    });
  });
});
