/** Forms that change the switch, and the token that this takes. */
import { type ComponentChildren, createContext, h, type JSX } from 'preact'
import { useContext, useEffect, useRef, useState } from 'preact/hooks'
import { changeTuning, checkToken, keepToken, Refusal, type TuneChangeBody, tokenOfTab } from './api.js'
import { parseDelay } from './format.js'

/** Whether this tab may change the switch. */
export interface Access {
  readonly mayChange: boolean
  /** Asks for the token. */
  ask(): void
  /** The token was refused. */
  forget(): void
  /** Whether the switch has a file into which changes can be written. */
  readonly hasFile: boolean
}

export const AccessContext = createContext<Access>({
  mayChange: false,
  ask: () => {},
  forget: () => {},
  hasFile: false,
})

const messageOf = (error: unknown): string =>
  error instanceof Refusal ? error.message : 'The page failed; please report it.'

interface TokenFormProps {
  /** The token is the right one. */
  accept(): void
  cancel(): void
}

/** Asks for the token of the switch. */
export function TokenForm({ accept, cancel }: TokenFormProps): JSX.Element {
  const [message, setMessage] = useState('')
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    const token = input.current?.value.trim() ?? ''
    if (token === '') return setMessage('Paste the token.')
    try {
      await checkToken(token)
      keepToken(token)
      accept()
    } catch (error) {
      setMessage(messageOf(error))
      input.current?.select()
    }
  }
  return h(
    'form',
    {
      class: 'token',
      onSubmit: submit,
      'aria-label': 'Allow changes',
      onKeyDown: (event: KeyboardEvent) => event.key === 'Escape' && cancel(),
    },
    h('label', { for: 'token' }, 'Token'),
    h('input', {
      id: 'token',
      ref: input,
      type: 'password',
      autocomplete: 'off',
      spellcheck: false,
      'aria-describedby': 'token-help',
    }),
    h('button', { type: 'submit', class: 'primary' }, 'Allow changes'),
    h('button', { type: 'button', onClick: cancel }, 'Cancel'),
    h(
      'p',
      { id: 'token-help', class: 'hint' },
      'Looking needs none. Changing takes what is in the token file, which the switch names when it starts.',
    ),
    h('p', { role: 'alert', class: 'message bad-text' }, message),
  )
}

interface ChangeFormProps {
  readonly id: string
  readonly label: string
  readonly value: string
  readonly button: string
  readonly hint: string
  /** What a text asks for; a string: why it asks for nothing. */
  changeOf(text: string): TuneChangeBody | string
  readonly done: string
}

interface Message {
  readonly text: string
  readonly isBad: boolean
}
const SILENT: Message = { text: '', isBad: false }

/** How a control changes the switch: it asks for the token where that is missing or is refused, and keeps what came of it. */
function useChange(): {
  readonly message: Message
  say(message: Message): void
  /** @returns whether it was done */
  change(wanted: TuneChangeBody, persist: boolean, done: string): Promise<boolean>
} {
  const { mayChange, ask, forget } = useContext(AccessContext)
  const [message, say] = useState(SILENT)
  async function change(wanted: TuneChangeBody, persist: boolean, done: string): Promise<boolean> {
    if (!mayChange) {
      ask()
      return false
    }
    try {
      await changeTuning(wanted, persist)
      say({ text: done, isBad: false })
      return true
    } catch (error) {
      if (error instanceof Refusal && error.needsToken) {
        forget()
        ask()
      } else say({ text: messageOf(error), isBad: true })
      return false
    }
  }
  return { message, say, change }
}

const messageLine = ({ text, isBad }: Message): JSX.Element =>
  h('p', { role: 'status', class: `message ${isBad ? 'bad-text' : 'good-text'}` }, text)

/** Whether a change is written into the file as well; nothing where there is no file. */
function PersistBox({
  isSet,
  set,
}: {
  readonly isSet: boolean
  set(isSet: boolean): void
}): JSX.Element | null {
  if (!useContext(AccessContext).hasFile) return null
  const onChange = (event: Event): void => set((event.currentTarget as HTMLInputElement).checked)
  return h(
    'label',
    { class: 'check' },
    h('input', { type: 'checkbox', checked: isSet, onChange }),
    'also in the configuration file',
  )
}

/** One setting that can be changed while the switch runs. */
export function ChangeForm({ id, label, value, button, hint, changeOf, done }: ChangeFormProps): JSX.Element {
  const { mayChange } = useContext(AccessContext)
  const [text, setText] = useState<string>()
  const [persist, setPersist] = useState(false)
  const { message, say, change } = useChange()
  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    const wanted = changeOf(text ?? value)
    if (typeof wanted === 'string') return say({ text: wanted, isBad: true })
    if (await change(wanted, persist, done)) setText(undefined)
  }
  return h(
    'form',
    { class: 'change', onSubmit: submit, id: `${id}-form`, noValidate: true },
    h('label', { for: id }, label),
    h('input', {
      id,
      type: 'text',
      value: text ?? value,
      autocomplete: 'off',
      spellcheck: false,
      'aria-describedby': `${id}-hint`,
      'aria-invalid': message.isBad ? 'true' : 'false',
      onInput: (event: Event) => setText((event.currentTarget as HTMLInputElement).value),
    }),
    h('button', { type: 'submit', class: 'primary' }, button),
    h(PersistBox, { isSet: persist, set: setPersist }),
    h('p', { id: `${id}-hint`, class: 'hint' }, mayChange ? hint : `${hint} This takes the token.`),
    messageLine(message),
  )
}

/** Changes the delay target of a vif. */
export function TargetForm({
  name,
  targetUs,
}: {
  readonly name: string
  readonly targetUs: number
}): JSX.Element {
  return h(ChangeForm, {
    key: name,
    id: 'target',
    label: 'Target',
    value: `${targetUs} us`,
    button: 'Set target',
    hint: 'p99 from arrival to publication: 250 us, 1.5 ms.',
    changeOf: (text) => {
      const us = parseDelay(text)
      return us === undefined ? 'Give a time above 0, like 250 us or 1.5 ms.' : { vif: name, targetUs: us }
    },
    done: 'Set. The verdict counts frames from now on.',
  })
}

/** Changes the budget of the engine. */
export function BudgetForm({ budget }: { readonly budget: number }): JSX.Element {
  return h(ChangeForm, {
    id: 'budget',
    label: 'Budget',
    value: `${Number((budget * 100).toFixed(2))} %`,
    button: 'Set budget',
    hint: 'Share of its processor that the switch may use.',
    changeOf: (text) => {
      const share = Number(/^\s*(\d+(?:\.\d+)?)\s*%?\s*$/.exec(text)?.[1]) / 100
      return share > 0 && share <= 1 ? { budget: share } : 'Give a percentage above 0, at most 100 %.'
    },
    done: 'Set.',
  })
}

/** Makes the switch hold targets. */
export function AdaptiveButton(): JSX.Element {
  const [persist, setPersist] = useState(false)
  const { message, change } = useChange()
  const hold = (): void => {
    void change({ policy: { name: 'adaptive' } }, persist, '')
  }
  return h(
    'div',
    { class: 'change' },
    h('button', { type: 'button', class: 'primary', onClick: hold }, 'Hold targets (policy adaptive)'),
    h(PersistBox, { isSet: persist, set: setPersist }),
    messageLine(message),
  )
}

/** Keeps whether this tab may change the switch: a token of before is tried once. */
export function useAccess(hasFile: boolean): { readonly access: Access; readonly form: ComponentChildren } {
  const [mayChange, setMayChange] = useState(false)
  const [isAsking, setAsking] = useState(false)
  const before = useRef<Element | null>(null)
  const close = (): void => {
    setAsking(false)
    if (before.current instanceof HTMLElement) before.current.focus()
  }
  const forget = (): void => {
    keepToken('')
    setMayChange(false)
  }
  useEffect(() => {
    const token = tokenOfTab()
    if (token === '') return
    checkToken(token).then(
      () => setMayChange(true),
      (error) => {
        if (error instanceof Refusal && error.needsToken) forget()
      },
    )
  }, [])
  const ask = (): void => {
    before.current = document.activeElement
    setAsking(true)
  }
  const accept = (): void => {
    setMayChange(true)
    close()
  }
  return {
    access: { mayChange, ask, forget, hasFile },
    form: isAsking ? h(TokenForm, { accept, cancel: close }) : null,
  }
}
