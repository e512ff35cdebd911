export interface Decision {
  readonly transactionId: string;
  readonly applicationId: string;
  readonly scope: readonly string[];
  readonly identities: readonly string[];
}

/** Where somebody says who they are, and whether the page that sent them may act in their name. */
export const decisionPage = ({ transactionId, applicationId, scope, identities }: Decision): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Simulator: log in</title>
<style>body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 40rem; padding: 0 1rem; color: #222; }
</style>
<h1>Log in</h1>
<p><b>${escaped(applicationId)}</b> wants to act in your name, with these scopes as far as you have them:</p>
<ul>${scope.map((each) => `<li><code>${escaped(each)}</code></li>`).join('')}</ul>
<form method="post" action="/login/oauth/authorize/decision">
  <input type="hidden" name="transaction_id" value="${escaped(transactionId)}">
  <label>You are <select name="identity">
    ${identities.map((each) => `<option>${escaped(each)}</option>`).join('')}
  </select></label>
  <button name="decision" value="allow">Allow</button>
  <button name="decision" value="deny">Deny</button>
</form>
</html>
`;

const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
