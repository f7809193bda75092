# Read by tests/run behind a build's Makefile: what it needs to know and to make that no other user of the Makefile
# does. The targets' names have no file behind them in the source tree.

# The value of a variable.
print-%:
	@echo '$($*)'

# A fuzz target: tests/fuzz/fuzz_NAME.c with FUZZ_MAIN, a source of a main, or with FUZZ_FLAGS that bring one.
fuzz-%: libsluice.a
	$(AM_V_CCLD)$(CC) $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) $(CPPFLAGS) $(AM_CFLAGS) $(CFLAGS) \
		$(FUZZ_FLAGS) -o $@ $(top_srcdir)/tests/fuzz/fuzz_$*.c $(FUZZ_MAIN) \
		$(AM_LDFLAGS) $(LDFLAGS) $(LIBS_ALL) $(LIBS)
