// Fetches the page anew and swaps what has changed; asks before anybody is held or released.
"use strict";
(() => {
  const EVERY = 2000; // milliseconds
  const dialog = document.getElementById("ask");
  let tag = "", token = "", asked = null;

  function swap(fresh) {
    const header = fresh.querySelector("header");
    document.title = header.dataset.title;
    // The live region stays the same element, or its change would not be read aloud.
    const said = header.querySelectorAll("p");
    document.querySelectorAll("header p").forEach((old, index) => {
      if (old.textContent !== said[index].textContent) old.textContent = said[index].textContent;
      old.className = said[index].className;
    });
    for (const part of fresh.querySelectorAll("section[id], footer[id]")) {
      const old = document.getElementById(part.id);
      if (!old) continue;
      const open = new Set([...old.querySelectorAll("details[open]")].map((one) => one.id));
      for (const one of part.querySelectorAll("details")) if (open.has(one.id)) one.open = true;
      if (old.outerHTML === part.outerHTML) continue;
      const inside = old.contains(document.activeElement) ? document.activeElement : null;
      const path = inside && { id: inside.closest("[id]").id, name: inside.tagName };
      old.replaceWith(document.adoptNode(part));
      if (path) {
        const place = document.getElementById(path.id);
        const again = place && (place.tagName === path.name ? place : place.querySelector(path.name));
        if (again) again.focus({ preventScroll: true });
      }
    }
  }

  async function update() {
    try {
      const reply = await fetch("fragment", { headers: tag ? { "If-None-Match": tag } : {} });
      if (reply.status === 200) {
        tag = reply.headers.get("ETag") || "";
        swap(new DOMParser().parseFromString(await reply.text(), "text/html"));
      }
      document.documentElement.classList.toggle("lost", !reply.ok && reply.status !== 304);
    } catch {
      document.documentElement.classList.add("lost");
    }
  }

  async function act() {
    const error = document.getElementById("ask-error");
    error.textContent = "";
    token = document.getElementById("token").value;
    const reply = await fetch("api/" + asked.action, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: "Bearer " + token },
      body: JSON.stringify({ who: asked.who }),
    });
    if (reply.ok) {
      dialog.close();
      await update();
    } else if (reply.status === 401) {
      error.textContent = dialog.dataset.wrong;
    } else {
      const said = await reply.json().catch(() => ({}));
      error.textContent = dialog.dataset.failed + " " + (said.error || reply.status);
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-action]");
    if (!button || !dialog) return;
    asked = { action: button.dataset.action, who: button.dataset.who };
    const title = dialog.dataset[asked.action];
    document.getElementById("ask-title").textContent = title.replace("{who}", () => asked.who);
    for (const name of ["hold", "release"])
      document.getElementById("ask-" + name).hidden = name !== asked.action;
    document.getElementById("ask-error").textContent = "";
    document.getElementById("token").value = token;
    dialog.showModal();
  });
  if (dialog) {
    document.getElementById("ask-no").addEventListener("click", () => dialog.close());
    dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      act();
    });
  }
  addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("#firing details")) one.open = true;
  });
  setInterval(() => { if (!document.hidden) update(); }, EVERY);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) update(); });
})();
