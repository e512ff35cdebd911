/**
 * Jest's order of the files at full length: by their paths, so that whole deployments, which wait the longest, begin first. Jest
 * by itself goes by how long a file took the last time, which a fresh clone does not know.
 */
export default class ByPath {
  sort(tests) {
    return tests.toSorted((one, other) => (one.path < other.path ? -1 : 1));
  }

  cacheResults() {}
}
