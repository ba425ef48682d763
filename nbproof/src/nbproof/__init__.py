"""Notebooks as tests: what pytest's plugin nbval leaves unchecked, checked.

plugin      options and hooks of pytest; nbval's nodes are swapped for those of `nodes`
nodes       a notebook, its cells, its hygiene, and the copy that is stored at its end
notebook    a notebook's file: read it, know its cells, clean it
hygiene     what a reader would stumble over in it
kernel      one kernel: started, watched, limited, ended, or replayed from a record
outputs     a cell's outputs, gathered from its kernel, and their stored form
compare     stored outputs against new ones: order, text with its numbers, pictures
kinds       what a cell promises: an exact output, a tolerant one, or a band that it asserts
report      the counts, the page of failures, the verdicts for a program
settings    what is a book's own

commands    run notebooks, store their outputs
harness     start pytest on notebooks from a program, and read its verdicts
bands       measure what training gives, over seeds
store       files that are written wholly or not at all

mutate      put faults into a package: do the notebooks notice, and do the tests?
faults      those that operators can make, and those written by hand
baseline    what runs without a fault: the lines it reaches, the seconds it takes
judge_tests, judge_notebooks  who notices a fault
quick       a notebook's copy without what trains
inject      one fault in a process that imports the package, and the lines that run there
mutate_outputs  change stored outputs: does the plugin notice?
changes     the changes that it makes
provoke     provoke faults of the machine under a run: what does it say then?
stability   run unchanged notebooks under other settings of a machine: is there a false alarm?
cost        time the plugin against plain nbval

record_bands  what a band looks like in code, and how a kernel records it
select      which notebooks a command is about
columns     text side by side, and tables
page        the page of failures
figures     what a figure of matplotlib says in words
"""

__version__ = "0.1.0"
