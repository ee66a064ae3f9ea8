// A watch that goes on: its data anew each second, until it has ended.

const everyMs = 1000;

// `onData` gets each new document, `onTrouble` a sentence, or null when it is over.
export function follow(source, token, onData, onTrouble) {
  let timer = null;
  const ask = async () => {
    try {
      const answer = await fetch(source, {
        cache: "no-store",
        credentials: "same-origin",
        headers: token ? { Authorization: `Bearer ${token}` } : {},
      });
      if (!answer.ok) throw new Error(`it answered ${answer.status}`);
      const data = await answer.json();
      onTrouble(null);
      onData(data);
      if (data.live) timer = setTimeout(ask, everyMs);
    } catch (error) {
      onTrouble(`The watch cannot be asked (${error.message}); what is shown is its last word.`);
      timer = setTimeout(ask, 3 * everyMs);
    }
  };
  ask();
  return () => clearTimeout(timer);
}
