/** Asks for JSON again and again: one question at a time, none while nobody looks. */

const PAUSE_MS = 1000;
const ANSWER_WITHIN_MS = 5000;

/** Never returns.  onAnswer hears what came, onFailure a sentence of why nothing did. */
export async function poll(url, onAnswer, onFailure) {
  for (;;) {
    await untilSeen();
    const { answer, failure } = await ask(url);
    try {
      if (answer) onAnswer(answer);
      else onFailure(failure);
    } catch (error) {
      console.error(error); // of what can't be shown the next one may be
      onFailure("can't be shown");
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function ask(url) {
  try {
    const response = await fetch(url, {
      cache: "no-store",
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    if (!response.ok) return { failure: `answers ${response.status}` };
    return { answer: await response.json() };
  } catch {
    return { failure: "doesn't answer" };
  }
}

async function untilSeen() {
  while (document.hidden) {
    await new Promise((resolve) => {
      document.addEventListener("visibilitychange", resolve, { once: true });
    });
  }
}
