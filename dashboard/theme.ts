import { effect, signal } from '@preact/signals';

const themes = ['auto', 'light', 'dark'] as const;
type Theme = (typeof themes)[number];
const STORED = 'theme';

export const theme = signal<Theme>(themes.find((each) => each === localStorage.getItem(STORED)) ?? 'auto');

export function nextTheme(): void {
  theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length]!;
  localStorage.setItem(STORED, theme.value);
}

effect(() => {
  document.documentElement.dataset['theme'] = theme.value;
  // What is drawn takes its colours anew.
  dispatchEvent(new Event('theme'));
});
