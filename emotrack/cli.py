"""The command line `emotrack`: data goes to stdout, talk to stderr; what a user can mend is one sentence and exit code 2."""

import contextlib
import logging
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from emotrack import __version__
from emotrack.cli_engines import app as engines_app
from emotrack.cli_options import ConfigOption, ProfileOption, SetOption, TrainingSetOption
from emotrack.model.errors import UserError
from emotrack.model.packages import import_problem
from emotrack.say import say
from emotrack.standard_streams import standard_streams

app = typer.Typer(
    name="emotrack",
    help="Follow who feels what in a conversation, from cameras, microphones, files and streams, while it goes on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(engines_app)

ServerKeyOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--server-key", metavar="KEY", help="The publisher's public key, or its .key file, when it encrypts."),
]
ClientKeysOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--keys", metavar="FILE", help="Your own .key_secret file, when the publisher encrypts."),
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"emotrack {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


@app.command()
def run(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="A file, - (stdin), a URL (rtsp, http, udp, tcp, rtmp), camera:N or mic[:NAME], as `emotrack devices` lists "
            "them; joined with + they are one feed: camera:0+mic. "
            "NAME=SOURCE names who is in it (letters, digits, _ and -), as in alice=camera:0+mic; a file of that very name comes "
            "first. Several sources are one conversation: what one says changes how the next is understood, unless --apart.",
        ),
    ],
    profile: ProfileOption = "embedded",
    config: ConfigOption = None,
    set_: SetOption = None,
    engines: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--engines", metavar="DIR", help="Engine pack made by `emotrack engines pack`: nothing is compiled."),
    ] = None,
    modes: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--modes", metavar="LIST", help="Use only these of text,audio,face,body: labels are made without the rest."),
    ] = None,
    publish: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--publish",
            metavar="ENDPOINT",
            help="Where programs and `emotrack monitor` find the labels (ZeroMQ): tcp://127.0.0.1:5556 unless given; port 0 is any "
            "that is free; none publishes nothing.",
        ),
    ] = None,
    keys: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--keys", metavar="DIR", help="Made by `emotrack keys`: encrypt, and admit only the clients in it."),
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Publish beyond this machine without encryption.")] = False,
    jsonl: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--jsonl", metavar="FILE", help="Also write every message as one JSON line to this file, or - for stdout."),
    ] = None,
    record: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--record", metavar="DIR", help="Also keep every message in this folder, in a file named after the session."),
    ] = None,
    keep_evidence: Annotated[
        bool,
        typer.Option(
            "--keep-evidence",
            help="With --record: also keep each utterance's words, voice and face crops, at most 1 GiB, for `emotrack explain`. "
            "This is personal data of everybody who is heard or seen; nothing of it is kept otherwise.",
        ),
    ] = False,
    realtime: Annotated[
        bool, typer.Option("--realtime/--fast", help="Play files at their own pace, or as fast as possible with nothing left out.")
    ] = True,
    apart: Annotated[
        bool, typer.Option("--apart", help="Each source is a conversation of its own, with the labels that it has alone.")
    ] = False,
) -> None:
    """Show and publish labels until the sources end or Ctrl-C."""
    from emotrack.commands.run import run_command

    run_command(
        sources,
        profile=profile,
        config=config,
        overrides=set_ or [],
        engines=engines,
        modes=modes,
        publish=publish,
        keys=keys,
        insecure=insecure,
        jsonl=jsonl,
        record=record,
        keep_evidence=keep_evidence,
        realtime=realtime,
        apart=apart,
    )


@app.command()
def demo(
    plain: Annotated[bool, typer.Option("--plain", help="A line for each label instead of the picture that is redrawn.")] = False,
) -> None:
    """Play a bundled clip of half a minute and show its labels."""
    from emotrack.commands.demo import demo_command

    demo_command(plain)


@app.command()
def monitor(
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="Where the tracker publishes.")] = "tcp://127.0.0.1:5556",
    server_key: ServerKeyOption = None,
    keys: ClientKeysOption = None,
    plain: Annotated[bool, typer.Option("--plain", help="A line for each label instead of the picture that is redrawn.")] = False,
) -> None:
    """Watch a running tracker, speaker by speaker, in the terminal."""
    from emotrack.commands.monitor import monitor_command

    monitor_command(endpoint, server_key, keys, plain)


@app.command()
def devices() -> None:
    """List the cameras and microphones that can be tracked."""
    from emotrack.commands.devices import devices_command

    devices_command()


@app.command()
def doctor(
    profile: ProfileOption = "embedded",
    config: ConfigOption = None,
    set_: SetOption = None,
    settings: Annotated[bool, typer.Option("--settings", help="Print every setting with its value instead.")] = False,
) -> None:
    """Say what works on this machine, and what mends the rest."""
    from emotrack.commands.doctor import doctor_command

    doctor_command(profile, config, set_ or [], settings)


@app.command()
def explain(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A file (tracked first), a folder recorded with `run --record DIR --keep-evidence`, or a store of features.",
        ),
    ],
    utterance: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--utterance", "-u", metavar="N", help="Number of the utterance, as in the messages."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every utterance, and the check by deletion over all of them.")] = False,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--out", "-o", metavar="DIR", help="Also write utterance-N.json and the picture utterance-N.png into this folder."
        ),
    ] = None,
    json: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--json", metavar="FILE", help="Write JSON to this file, or - for stdout in place of the text."),
    ] = None,
    profile: ProfileOption = "embedded",
    config: ConfigOption = None,
    set_: SetOption = None,
    split: Annotated[
        str, typer.Option("--split", metavar="NAME", help="Of a store: the split whose dialogues are explained.")
    ] = "test",
    limit: Annotated[int, typer.Option("--limit", min=2, metavar="N", help="Of a store: utterances at most, evenly spread.")] = 300,
) -> None:
    """Say what each word, sound and face did for a label.

    Each is left out in turn; what counts is how far the label's odds fall, and a check by deletion says whether that holds.
    """
    from emotrack.commands.explain import explain_command

    explain_command(source, utterance, all_, out, json, profile, config, set_ or [], split, limit)


@app.command()
def schema() -> None:
    """Print the JSON Schema of all messages."""
    from emotrack.commands.schema import schema_command

    schema_command()


@app.command()
def keys(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the keys; the publisher is given it with --keys.")],
    client: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--client", metavar="NAME", help="Name of a client to make keys for; may be repeated."),
    ] = None,
) -> None:
    """Make keys for an encrypted publisher and its clients."""
    from emotrack.commands.keys import keys_command

    keys_command(directory, client or ["client"])


@app.command()
def features(
    corpus: Annotated[
        str, typer.Argument(help="meld, emorynlp, dailydialog, iemocap, ravdess, emodb, ferplus, mosi or clips.", metavar="CORPUS")
    ],
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="The corpus: its folder as it is given out, or its table.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the store; one that was interrupted is completed.")
    ],
    profile: ProfileOption = "embedded",
    bundle: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--bundle", metavar="DIR", help="Bundle with the encoders' weights; the shipped one unless given."),
    ] = None,
    set_: SetOption = None,
    disturbed: Annotated[
        int,
        typer.Option(
            "--disturbed",
            min=0,
            metavar="N",
            help="Copies of what fusion learns from: clips disturbed, faces mirrored, lines as recognisers write them.",
        ),
    ] = 0,
    shard: Annotated[
        int, typer.Option("--shard", min=1, metavar="N", help="Utterances in one file: what an interruption costs at most.")
    ] = 128,
) -> None:
    """Describe a corpus by the tracker's encoders, for training."""
    from emotrack.commands.features import features_command

    features_command(corpus, root, out, profile=profile, bundle=bundle, overrides=set_ or [], disturbed=disturbed, shard_rows=shard)


@app.command()
def train(
    config: Annotated[
        str,
        typer.Option(
            "--config",
            "-c",
            metavar="F",
            help="YAML file that says what to train, or one that ships: text, voice, face, network, mosi.",
        ),
    ],
    set_: TrainingSetOption = None,
    settings: Annotated[bool, typer.Option("--settings", help="Print every setting with its value instead.")] = False,
) -> None:
    """Train an encoder or the network.

    An interrupted training goes on from its last finished epoch; of a finished one nothing is read or touched.
    """
    from emotrack.commands.train import train_command

    train_command(config, set_ or [], settings)


@app.command()
def export(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Folders of bundles, each with other parts.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the new bundle.")],
    figures: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--figures", help="What `emotrack evaluate --table all --format json` printed: for the bundle and its model card."
        ),
    ] = None,
) -> None:
    """Join what several trainings made into one bundle."""
    from emotrack.commands.export import export_command

    export_command(runs, out, figures)


@app.command()
def calibrate(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="Store of labelled utterances that `emotrack features` made.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the new bundle.")],
    bundle: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--bundle", metavar="DIR", help="Bundle to calibrate; the shipped one unless given."),
    ] = None,
) -> None:
    """Fit how sure a bundle is of its labels to utterances of your own; the labels stay as they are."""
    from emotrack.commands.calibrate import calibrate_command

    calibrate_command(bundle, store, out)


@app.command()
def evaluate(
    bundles: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Argument(metavar="BUNDLE", help="Folders of bundles, several seeds of one run; the shipped one unless given."),
    ] = None,
    table: Annotated[
        str,
        typer.Option(
            "--table",
            "-t",
            help="main, missing, ablation, streaming, per-class, words, drawn, alone, elsewhere or all.",
            metavar="T",
        ),
    ] = "main",
    data: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--data", metavar="DIR", help="Folder with the reference data; what is tested on is described into --work first."
        ),
    ] = None,
    store: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(
            "--store",
            metavar="DIR",
            help="Store made by `emotrack features` (meld, iemocap, clips, ravdess, emodb, ferplus, mosi); may be repeated.",
        ),
    ] = None,
    work: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--work",
            metavar="DIR",
            help="Keeps what is measured: an interrupted evaluation goes on, a finished one answers at once, without --data too.",
        ),
    ] = None,
    output: Annotated[str, typer.Option("--format", help="markdown or json.", metavar="F")] = "markdown",
    plots: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--plots", metavar="DIR", help="Also draw the tables, as PNG files in this folder."),
    ] = None,
    folds: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--folds",
            metavar="DIR",
            help="Folder with runs of the voice recipe, one for each --set fold=N, for the table per-class.",
        ),
    ] = None,
    heard: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--heard", metavar="CSV", help="Lines as recognisers heard them, for the table words."),
    ] = None,
) -> None:
    """Measure a bundle and print its figures beside the papers'."""
    from emotrack.commands.evaluate import evaluate_command

    evaluate_command(
        bundles or [],
        table=table,
        reference=data,
        stores=store or [],
        work=work,
        output=output,
        plots=plots,
        folds=folds,
        heard=heard,
    )


def main() -> None:
    """Entry point: runs the command, and turns what a user can mend into one sentence on stderr.

    The exit code is 1 when standard output could not be written, unless its reader merely left (`| head`).
    """
    with standard_streams() as output:
        logging.basicConfig(level=logging.WARNING, format="emotrack: %(message)s", stream=sys.stderr)
        try:
            code = _exit_code()
        except OSError as error:
            if error is not output.failure:
                raise
            code = 0
        with contextlib.suppress(OSError):
            output.flush()
        if isinstance(output.failure, BrokenPipeError):
            code = 0 if code == 1 else code  # 1 is typer's own code for a reader that has left
        elif output.failure is not None and code == 0:
            say(f"standard output cannot be written: {output.failure.strerror}.")
            code = 1
    sys.exit(code)


def _exit_code() -> int | str | None:
    try:
        app()
    except SystemExit as ended:
        return ended.code or 0
    except UserError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    except (ImportError, OSError) as error:
        if (problem := import_problem(error)) is None:
            raise
        say(f"{problem}.")
        return 2
    return 0


if __name__ == "__main__":
    main()
