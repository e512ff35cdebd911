import { notFound } from './errors.js';
import { digitsOf } from './places.js';
import type { Properties } from './resource.js';
import type { GoogleStore } from './store.js';

/** The machines' account, and the one that a worker manager has when it runs in Google's cloud itself. */
export const workerAccount = (project: string): string => `worker@${project}.iam.gserviceaccount.com`;
export const managerAccount = (project: string): string => `worker-manager@${project}.iam.gserviceaccount.com`;

export const uniqueIdOf = (email: string): string => digitsOf(`account ${email}`, 21);

const projectOf = (email: string): string => /@(.+)\.iam\.gserviceaccount\.com$/.exec(email)?.[1] ?? '';

function accounts({ projects, accounts: others }: GoogleStore): string[] {
  return [...projects.flatMap((project) => [workerAccount(project), managerAccount(project)]), ...others];
}

export const accountExists = (store: GoogleStore, email: string): boolean => accounts(store).includes(email);

/** `projects.serviceAccounts.get` of the IAM API: by e-mail or unique id, `-` for whatever project it is of. */
export function readAccount(store: GoogleStore, project: string, key: string): Properties {
  const email = accounts(store).find((one) => one === key || uniqueIdOf(one) === key);
  if (email === undefined || (project !== '-' && projectOf(email) !== project)) {
    throw notFound(`projects/${project}/serviceAccounts/${key}`);
  }
  const projectId = projectOf(email);
  return {
    name: `projects/${projectId}/serviceAccounts/${email}`,
    projectId,
    uniqueId: uniqueIdOf(email),
    email,
    displayName: email.split('@')[0],
    oauth2ClientId: uniqueIdOf(email),
  };
}
