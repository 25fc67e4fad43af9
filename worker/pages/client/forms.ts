const PRESSED = "pressed";
/** Longer than any answer takes: by then the loading was stopped, and the button is there again. */
const PRESSED_MS_MAX = 60_000;
const PRESSED_BUTTONS = `button[data-${PRESSED}]`;

/** Shows the page as it is now, unless something pressed is on its way: a reload would take that back. */
export function reload(): boolean {
  if (document.querySelector(PRESSED_BUTTONS)) return false;
  location.reload();
  return true;
}

/**
 * A pressed button stays pressed until the page is shown again. The form's key makes a second press harmless; this makes it
 * unlikely, and shows that something is happening.
 */
export function pressOnce(): void {
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!(button instanceof HTMLButtonElement)) return;
    if (PRESSED in button.dataset) {
      event.preventDefault();
      return;
    }
    button.dataset[PRESSED] = "";
    // Disabling a button within its own submit would leave its value out of the form.
    setTimeout(() => {
      button.disabled = true;
      button.setAttribute("aria-busy", "true");
    });
    setTimeout(() => letGo(button), PRESSED_MS_MAX);
  });

  addEventListener("pageshow", (event) => {
    for (const button of document.querySelectorAll<HTMLButtonElement>(PRESSED_BUTTONS)) letGo(button);
    // Taken from the back/forward cache: what it shows, and its keys, may be of another time.
    if (event.persisted) location.reload();
  });
}

function letGo(button: HTMLButtonElement): void {
  delete button.dataset[PRESSED];
  button.disabled = false;
  button.removeAttribute("aria-busy");
}
