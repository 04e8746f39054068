-- Neovim: put this file into ~/.config/nvim/plugin/. It starts `bmtick lsp` for *.tick files.
vim.api.nvim_create_autocmd({ 'BufRead', 'BufNewFile' }, {
  pattern = '*.tick',
  callback = function(args)
    vim.bo[args.buf].filetype = 'tickscript'
    vim.bo[args.buf].commentstring = '// %s'
    vim.b[args.buf].bmtick = vim.b[args.buf].bmtick or vim.lsp.start_client({
      name = 'bmtick',
      cmd = vim.g.bmtick_command or { 'bmtick', 'lsp' },
      root_dir = vim.fn.getcwd(),
    })
    vim.lsp.buf_attach_client(args.buf, vim.b[args.buf].bmtick)
    vim.keymap.set('n', 'K', vim.lsp.buf.hover, { buffer = args.buf })
    vim.bo[args.buf].omnifunc = 'v:lua.vim.lsp.omnifunc'
  end,
})
