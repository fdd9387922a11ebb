// The policies under comparison, by the name that tables show.

/** What each is given to `Controller.configure`. */
export function choosePolicies({ names, holds, frames, budgets }) {
  const chosen = []
  for (const name of names)
    switch (name) {
      case 'fixed':
        for (const holdUs of holds)
          for (const maxFrames of frames)
            chosen.push({
              label: `fixed ${holdUs}us/${maxFrames}`,
              name,
              policy: { name, holdUs, maxFrames },
              budget: 0.8,
            })
        break
      case 'adaptive':
        for (const budget of budgets)
          chosen.push({ label: `adaptive ${budget}`, name, policy: { name }, budget })
        break
      default:
        chosen.push({ label: name, name, policy: { name }, budget: 0.8 })
    }
  return chosen
}

/** The first setting of each policy: enough where the settings are not the question. */
export function oneOfEach(policies) {
  return policies.filter((each, index) => policies.findIndex(({ name }) => name === each.name) === index)
}

/** Puts a policy into force in a running switch. */
export function apply(running, { policy, budget }) {
  return running.configure({ policy, budget })
}
