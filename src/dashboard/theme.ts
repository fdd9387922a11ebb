/** Light, dark, or as the system is. */
import { useEffect, useState } from 'preact/hooks'

export const THEMES = ['auto', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const KEY = 'ringferry-theme'

function stored(): Theme {
  const theme = localStorage.getItem(KEY)
  return THEMES.find((each) => each === theme) ?? 'auto'
}

/** The theme, how to change it, and the colours that it comes to: light or dark. */
export function useTheme(): [Theme, (theme: Theme) => void, string] {
  const [theme, setTheme] = useState(stored)
  const [isDark, setDark] = useState(matchMedia('(prefers-color-scheme: dark)').matches)
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)')
    const change = (): void => setDark(query.matches)
    query.addEventListener('change', change)
    return () => query.removeEventListener('change', change)
  }, [])
  const colours = theme === 'auto' ? (isDark ? 'dark' : 'light') : theme
  // At once: charts read the colours while they are drawn.
  document.documentElement.dataset.theme = colours
  const change = (next: Theme): void => {
    localStorage.setItem(KEY, next)
    setTheme(next)
  }
  return [theme, change, colours]
}
