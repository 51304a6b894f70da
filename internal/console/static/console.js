// Every page works without this script; it only saves a step.
(() => {
  "use strict";
  const body = document.body;

  // The visit ends after a rest: say so three minutes before.
  const dialog = document.querySelector(".ending");
  let ends = Date.now() + 1000 * Number(body.dataset.endsIn || 0);
  let timer;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => { dialog.hidden = false; dialog.querySelector(".stay").focus(); }, Math.max(0, ends - Date.now() - 180000));
  };
  if (dialog) {
    watch();
    let over = false;
    dialog.querySelector(".stay").addEventListener("click", async () => {
      if (over) { dialog.hidden = true; return; }
      const reply = await fetch("/console/stay", { redirect: "manual" });
      const seconds = Number(reply.headers.get("X-Visit-Ends-In"));
      if (reply.status !== 204 || !seconds) { // over by now: what is typed stays on the page, and its form asks to sign in again
        const words = dialog.querySelector("p");
        words.textContent = words.dataset.ended;
        over = true;
        return;
      }
      ends = Date.now() + 1000 * seconds;
      dialog.hidden = true;
      document.querySelector("main").focus();
      watch();
    });
  }

  // How many of the list are chosen, and all of the page with one click.
  const list = document.querySelector("form.list");
  if (list) {
    const boxes = [...list.querySelectorAll("input[name=case]")];
    const shown = list.querySelector(".chosen");
    const count = () => { if (shown) shown.textContent = "(" + boxes.filter((b) => b.checked).length + ")"; };
    const head = list.querySelector("thead th");
    if (boxes.length && head) {
      const all = document.createElement("input");
      all.type = "checkbox";
      all.setAttribute("aria-label", head.textContent.trim());
      all.addEventListener("change", () => { for (const b of boxes) b.checked = all.checked; count(); });
      head.append(all);
    }
    for (const b of boxes) b.addEventListener("change", count);
    count();
  }

  // A click on a form sends it once.
  for (const form of document.querySelectorAll("form[method=post]")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent && Date.now() - Number(form.dataset.sent) < 3000) event.preventDefault();
      form.dataset.sent = String(Date.now());
    });
  }
  addEventListener("pageshow", () => { // gone back to: it may be sent again
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // How far a download is: the browser shows bytes, officials count rows.
  const exporting = document.querySelector("form[data-track]");
  if (exporting) {
    exporting.addEventListener("submit", () => {
      const shown = exporting.querySelector(".export-progress");
      const total = exporting.dataset.total;
      let seen = false;
      const watch = setInterval(async () => {
        const reply = await fetch("/console/export/progress?track=" + encodeURIComponent(exporting.dataset.track));
        if (!reply.ok) { clearInterval(watch); return; }
        const now = await reply.json();
        if (seen && !now.running) { shown.textContent = ""; clearInterval(watch); return; }
        seen = seen || now.running;
        if (now.running) shown.textContent = shown.dataset.words.replace("%1", now.rows).replace("%2", total);
      }, 500);
      setTimeout(() => { if (!seen) clearInterval(watch); }, 10000);
    });
  }

  for (const button of document.querySelectorAll("button.print")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
})();
