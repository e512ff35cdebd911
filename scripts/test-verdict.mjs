/** What a test's run without a guard says about the guard. */

const TIMED_OUT = /^(?:Error: )?(?:thrown: )?"?Exceeded timeout of .* for a test/;
/** Code that the removal has broken, rather than unprotected, or a set-up that failed. */
const BROKEN = /^(?:ReferenceError|SyntaxError)|Exceeded timeout of .* for a hook|Cannot find module/;

/**
 * Whether the test that `of` names passes with the guard and fails without it, by what it expects: not by code that
 * does not run, and by a time-out only where `of.mayTimeOut` says that one shows the harm. Both reports are jest's;
 * null where it left none.
 */
export async function verdictOf(of, withGuard, runWithout) {
  const sound = testsOf(withGuard, of.title);
  if (sound.length === 0) return survived(`no test has the title: ${of.test} › ${of.title}`);
  if (sound.some(({ status }) => status !== 'passed'))
    return survived(`its test fails anyway: ${of.test} › ${of.title}`, messagesOf(sound));
  const without = await runWithout();
  if (!without) return survived(`its test leaves no report: ${of.test} › ${of.title}`);
  const tests = testsOf(without, of.title);
  if (tests.length === 0) return survived(`its tests cannot be loaded: ${of.test}`, loadingErrors(without));
  const failed = tests.filter(({ status }) => status === 'failed');
  const messages = messagesOf(failed);
  if (failed.length === 0) return survived(`its test passes: ${of.test} › ${of.title}`);
  const kinds = of.mayTimeOut ? ['assertion', 'time-out'] : ['assertion'];
  const by = failed.find((each) => kinds.includes(kindOf(each)));
  const kind = by ? '' : `its test fails by ${kindOf(failed[0])} only: `;
  const summary = `${kind}${of.test} › ${(by ?? failed[0]).fullName}`;
  return { isCaught: by !== undefined, summary, messages };
}

const survived = (summary, messages = []) => ({ isCaught: false, summary, messages });

/** Those that ran. */
const testsOf = (report, title) =>
  (report?.testResults ?? [])
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status, fullName }) => status !== 'pending' && new RegExp(title, 'i').test(fullName));

const messagesOf = (tests) =>
  tests.flatMap(({ fullName, failureMessages }) => failureMessages.map((each) => `${fullName}: ${each}`));

const loadingErrors = (report) => report.testResults.map(({ message }) => message);

function kindOf({ failureMessages }) {
  if (failureMessages.some((each) => BROKEN.test(each))) return 'broken code';
  return failureMessages.every((each) => TIMED_OUT.test(each)) ? 'time-out' : 'assertion';
}
